#!/bin/sh
# End a job: ask it, wait a little, then kill what is left of its session. Argument: the job's folder.
cd -- "$1" 2>/dev/null || exit 0
job=$(cat job 2>/dev/null) || exit 0
lives() { [ "$(readlink "/proc/$job/cwd" 2>/dev/null)" = "$(pwd -P)" ]; }
lives || exit 0
kill -TERM "-$job" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    lives || exit 0
    sleep 0.2
done
kill -KILL "-$job" 2>/dev/null
rm -rf ../../secrets
