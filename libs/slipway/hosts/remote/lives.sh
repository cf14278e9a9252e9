#!/bin/sh
# Functions for other scripts; scripts.py puts this text before theirs.
# Tell whether a job, or with "starting" the start of a job, still runs. Its process works in the job's folder; a later
# process with the same id does not.
lives() {
    [ "$(readlink "/proc/$(cat "$1/${2:-job}" 2>/dev/null)/cwd" 2>/dev/null)" = "$(cd -- "$1" >/dev/null && pwd -P)" ]
}
# Tell whether a job of a run still runs.
one_lives() {
    for folder in "$1"/jobs/*; do
        [ ! -e "$folder/job" ] || ! lives "$folder" || return 0
    done
    return 1
}
