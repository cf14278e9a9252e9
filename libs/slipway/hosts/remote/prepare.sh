#!/bin/sh
# Create a run's folder. Print the older runs whose files were compared, newest first, and the complete contexts. Remove
# older runs, except the newest ones and those whose job still runs. Remove contexts that were not used for 30 days.
# Remove the files of systems that nothing uses.
# Arguments: the project's folder, the run, the number of older runs to keep, then a link's name and target per context.
set -eu
umask 077
mkdir -p -- "$1/contexts" "$1/runs/$2/tree" "$1/runs/$2/context" "$1/runs/$2/contexts" "$1/runs/$2/jobs"
cd -- "$1"
run=$2
keep=$3
shift 3
while [ $# -gt 1 ]; do
    ln -sfn -- "$2" "runs/$run/context/$1"
    shift 2
done
# A job removes its secrets, and agent.sh removes its link, unless the host went down before that. A job's secrets arrive
# before it starts.
sweep() {
    for job in "$1"/jobs/*; do
        [ ! -e "$job/starting" ] || ! lives "$job" starting || return 0
    done
    rm -rf -- "$1/secrets"
    [ -e "$1/agent" ] || rm -f -- "$1/agent"
}
newest_first() { find runs -mindepth 1 -maxdepth 1 -printf '%T@ %f\n' | sort -rn | cut -d ' ' -f 2; }
newest_first | while read -r old; do
    [ "$old" != "$run" ] || continue
    keep=$((keep - 1))
    one_lives "runs/$old" || sweep "runs/$old"
    if [ "$keep" -lt 0 ] && ! one_lives "runs/$old"; then
        rm -rf -- "runs/$old"
    elif [ -e "runs/$old/whole" ]; then
        echo "runs/$old"
    fi
done
find contexts -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf -- {} +
find contexts -mindepth 1 -maxdepth 1 -print
sweep_systems
