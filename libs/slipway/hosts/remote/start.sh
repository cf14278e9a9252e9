#!/bin/sh
# Begin a job in a session of its own, which outlives whoever began it, though not its time, of what comes on stdin; then
# become the command that is given. The tree in the run's folder is what it is to be, byte for byte, or nothing begins and
# "differs" is said. A client whose link was lost asks once more: a job that has begun is left as it is.
# Arguments: the run's folder, the job's folder in it, the seconds it may take, listing.sh, what that is to say of the
# tree, the command.
set -eu
umask 077
cd -- "$1"
if [ ! -e "$2/job" ]; then
    if [ ! -e whole ]; then
        if [ "$(sh -c "$4" sh ./tree)" != "$5" ]; then
            echo differs
            exit
        fi
        : >whole
    fi
    tar -xf -
    cd -- "./$2"
    setsid timeout --signal=TERM --kill-after=10 "$3" sh job.sh </dev/null >job.log 2>&1 &
    echo "$!" >job
fi
shift 5
exec "$@"
