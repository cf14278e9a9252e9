#!/bin/sh
# Start a job from the compressed tar archive on stdin, in its own session, then become the given command. The job
# outlives the client, but not its time limit. If the tree in the run's folder differs from the expected listing, print
# "differs" and start nothing. A client whose connection was lost calls this script again; a job that has started is not
# changed.
# The file "starting" names this process: prepare.sh of another run keeps the secrets that arrive.
# Arguments: the run's folder, the job's folder in it, the time limit in seconds, the text of listing.sh, its expected
# output for the tree, the command.
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
    mkdir -p -- "$2"
    cd -- "$2"
    echo "$$" >starting
    tar -xzf - -C "${OLDPWD:?}"
    setsid timeout --signal=TERM --kill-after=10 "$3" sh job.sh </dev/null >job.log 2>&1 &
    echo "$!" >job
fi
shift 5
exec "$@"
