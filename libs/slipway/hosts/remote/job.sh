#!/bin/sh
# Run a job's commands one after another: command-1, command-2 … with input-1, input-2 … on stdin. No client needs to be
# connected. Each command leaves log-N, its stderr, and status-N. The first that fails is the last. Remove the run's
# secrets when the job ends.
umask 077
trap 'rm -rf ../../secrets' EXIT
trap 'exit 143' TERM
number=1
while [ -e "command-$number" ] && [ ! -e stopped ]; do
    sh "command-$number" <"input-$number" >/dev/null 2>"log-$number"
    status=$?
    echo "$status" >status.new && mv status.new "status-$number"
    [ "$status" = 0 ] || exit
    number=$((number + 1))
done
