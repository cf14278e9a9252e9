#!/bin/sh
# Print the runs of a project, newest first, a line each: id, start time in seconds since 1970, whether the last job
# still runs (yes, no), that job's number, the number of its commands, their exit statuses (- without one).
# Argument: the project's folder.
cd -- "$1/runs" 2>/dev/null || exit 0
newest_first() { find . -mindepth 1 -maxdepth 1 -printf '%T@ %f\n' | sort -rn | cut -d ' ' -f 2; }
newest_first | while read -r run; do
    job=$(find "$run/jobs" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n | tail -n 1)
    folder=$run/jobs/$job
    [ -e "$folder/job" ] || continue
    living=no
    ! lives "$folder" || living=yes
    count=0
    statuses=
    while [ -e "$folder/command-$((count + 1))" ]; do
        count=$((count + 1))
        statuses="$statuses $(cat "$folder/status-$count" 2>/dev/null || echo -)"
    done
    echo "$run $(stat -c %Y "$folder/job") $living $job $count$statuses"
done
