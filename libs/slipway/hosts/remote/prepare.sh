#!/bin/sh
# Create a run's folder, then become the given command. "earlier" in it has a folder for each older run to keep, from 1,
# the newest: a link to the run's tree if its files were compared, else an empty folder. Remove older runs, except the
# newest ones and those whose job still runs. Remove contexts that were not used for 30 days. Remove the files of systems
# that nothing uses. A client whose connection was lost calls this script again.
# Arguments: the project's folder, the run, the number of older runs to keep, the command as a line for sh, then a link's
# name and target per context.
set -eu
umask 077
[ ! -e "$1/runs/$2/earlier" ] || rm -rf -- "$1/runs/$2/earlier"
new=$1/runs/$2
mkdir -p -- "$1/contexts" "$new/tree" "$new/context" "$new/contexts" "$new/jobs" "$new/earlier"
cd -- "$1"
run=$2
keep=$3
line=$4
shift 4
while [ $# -gt 1 ]; do
    ln -sfn -- "$2" "runs/$run/context/$1"
    shift 2
done
# A job removes its secrets, and agent.sh removes its link, unless the host went down before that. A job's secrets arrive
# before it starts.
sweep() {
    [ -e "$1/secrets" ] || [ -L "$1/agent" ] || return 0
    ! one_lives "$1" || return 0
    for job in "$1"/jobs/*; do
        [ ! -e "$job/starting" ] || ! lives "$job" starting || return 0
    done
    rm -rf -- "$1/secrets"
    [ -e "$1/agent" ] || rm -f -- "$1/agent"
}
newest_first() { find runs -mindepth 1 -maxdepth 1 -printf '%T@ %f\n' | sort -rn | cut -d ' ' -f 2; }
number=0
kept=$keep
newest_first | while read -r old; do
    [ "$old" != "$run" ] || continue
    keep=$((keep - 1))
    sweep "runs/$old"
    if [ "$keep" -lt 0 ] && ! one_lives "runs/$old"; then
        rm -rf -- "runs/$old" 2>/dev/null || true # another client removes it, too; the next run tries again
    elif [ -e "runs/$old/whole" ] && [ "$number" -lt "$kept" ]; then
        number=$((number + 1))
        ln -s -- "../../$old/tree" "runs/$run/earlier/$number"
    fi
done
number=0
while [ "$number" -lt "$kept" ]; do
    number=$((number + 1))
    # Another client may remove the tree of a link. rsync leaves out a link that leads nowhere.
    [ -L "runs/$run/earlier/$number" ] || mkdir -- "runs/$run/earlier/$number"
done
find contexts -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf -- {} +
sweep_systems
exec sh -c "$line"
