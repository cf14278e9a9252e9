#!/bin/sh
# End a job: send SIGTERM, wait up to 4 s, then kill its process group. The file "stopped" also ends a job that is
# starting at this moment, also where its run has no folder yet. Argument: the job's folder.
[ -d "${1%/*/*/*}" ] || exit 0
umask 077
mkdir -p -- "$1"
cd -- "$1" || exit
: >stopped
job=$(cat job 2>/dev/null) || exit 0
lives . || exit 0
kill -TERM "-$job" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    lives . || exit 0
    sleep 0.2
done
kill -KILL "-$job" 2>/dev/null
rm -rf ../../secrets
