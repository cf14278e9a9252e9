#!/bin/sh
# Remove a project's runs and contexts, but for runs whose job still runs; told on stdout: how many runs went and how many
# stay, and kilobytes freed. Arguments: the project's folder, "look" to remove nothing.
cd -- "$1" 2>/dev/null || { echo "0 0 0"; exit 0; }
lives() {
    for job in "runs/$1"/jobs/*/job; do
        [ -e "$job" ] || continue
        [ "$(readlink "/proc/$(cat "$job")/cwd" 2>/dev/null)" != "$(pwd -P)/${job%/job}" ] || return 0
    done
    return 1
}
before=$(du -sk . | cut -f 1)
went=0
stay=0
for run in runs/*; do
    run=${run#runs/}
    [ -d "runs/$run" ] || continue
    if lives "$run"; then
        stay=$((stay + 1))
    else
        went=$((went + 1))
        [ "$2" = look ] || rm -rf -- "runs/$run"
    fi
done
if [ "$2" = look ]; then
    echo "$went $stay $before"
    exit 0
fi
[ "$stay" -gt 0 ] || rm -rf -- contexts runs
rmdir -- "$1" 2>/dev/null
after=$(du -sk "$1" 2>/dev/null | cut -f 1)
echo "$went $stay $((before - ${after:-0}))"
