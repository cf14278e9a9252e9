#!/bin/sh
# A job's commands, one after another, whoever listens: command-1, command-2 … with input-1, input-2 … on stdin. Each
# leaves log-N, its stderr, and status-N; the first that fails is the last. What was secret goes with the job.
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
