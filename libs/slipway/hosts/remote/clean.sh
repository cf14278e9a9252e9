#!/bin/sh
# Remove a project's contexts, its runs, and the files of systems that nothing uses. While a job runs, keep its run and
# all contexts. Print three numbers: the runs removed, the runs kept, and the kilobytes freed. With "look", remove
# nothing, and print the kilobytes in use.
# Arguments: the project's folder, "look" or an empty word.
cd -- "$1" 2>/dev/null || { echo "0 0 0"; exit 0; }
before=$(du -sk . | cut -f 1)
went=0
stay=0
for run in runs/*; do
    [ -d "$run" ] || continue
    if one_lives "$run"; then
        stay=$((stay + 1))
    else
        went=$((went + 1))
        [ "$2" = look ] || rm -rf -- "$run"
    fi
done
if [ "$2" = look ]; then
    echo "$went $stay $before"
    exit 0
fi
[ "$stay" -gt 0 ] || rm -rf -- contexts runs
sweep_systems
rmdir -- "$1" 2>/dev/null
after=$(du -sk "$1" 2>/dev/null | cut -f 1)
echo "$went $stay $((before - ${after:-0}))"
