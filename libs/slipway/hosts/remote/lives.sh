#!/bin/sh
# Before scripts that ask for it: is a job's process still its own, and not another one that got its number since? It works
# in the job's folder.
lives() { [ "$(readlink "/proc/$(cat "$1/job" 2>/dev/null)/cwd" 2>/dev/null)" = "$(cd -- "$1" >/dev/null && pwd -P)" ]; }
# Of a run: does one of its jobs?
one_lives() {
    for folder in "$1"/jobs/*; do
        [ ! -e "$folder/job" ] || ! lives "$folder" || return 0
    done
    return 1
}
