#!/bin/sh
# Unpack what comes on stdin into a run's folder, whose tree was compared, and begin a job of it in a session of its own,
# which outlives whoever began it, though not its time; then become the command that is given. A client whose link was
# lost asks once more: a job that has begun is left as it is. Arguments: the run's folder, the job's folder in it, the
# seconds it may take, the command.
set -eu
umask 077
cd -- "$1"
if [ ! -e "$2/job" ]; then
    : >whole
    tar -xf -
    cd -- "$2"
    setsid timeout --signal=TERM --kill-after=10 "$3" sh job.sh </dev/null >job.log 2>&1 &
    echo "$!" >job
fi
shift 3
exec "$@"
