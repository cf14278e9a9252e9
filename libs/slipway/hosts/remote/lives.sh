#!/bin/sh
# Functions for other scripts; scripts.py puts this text before theirs.
# Tell whether a job, or with "starting" the start of a job, still runs. Its process works in the job's folder; a later
# process with the same id does not.
lives() {
    [ "$(readlink "/proc/$(cat "$1/${2:-job}" 2>/dev/null)/cwd" 2>/dev/null)" = "$(cd -- "$1" >/dev/null 2>&1 && pwd -P)" ]
}
# Tell whether a job of a run still runs.
one_lives() {
    for folder in "$1"/jobs/*; do
        [ ! -e "$folder/job" ] || ! lives "$folder" || return 0
    done
    return 1
}
# Remove the folders of the systems that nothing uses: they have no container, and no client brings them up. An engine
# that does not answer removes none. A container may have made files that only root can remove.
sweep_systems() {
    for system in systems/*; do
        if [ -d "$system" ] && ! lives "$system" && [ -z "$(containers_of "${system##*/}")" ]; then
            rm -rf -- "$system" 2>/dev/null || true
        fi
    done
    rmdir systems 2>/dev/null || true
}
containers_of() { docker ps --all --quiet --filter "label=com.docker.compose.project=$1" 2>&1; }
