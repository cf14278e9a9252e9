#!/bin/sh
# Print a command's log on stderr, from a given line, while the command runs. Then print its exit status on stdout, or
# "gone" when its job ended without one. Arguments: the job's folder, the command's number, the first line to print.
cd -- "$1" || exit
number=$2
until [ -e "step-$number" ] || ! lives .; do sleep 0.02; done
if [ -e "status-$number" ]; then
    tail -n "+$3" "log-$number" >&2
elif [ -e "step-$number" ]; then
    tail -n "+$3" -f -s 0.01 --pid="$(cat "step-$number")" "log-$number" >&2
fi
# The job writes the status as soon as the command has ended.
until [ -e "status-$number" ] || ! lives .; do sleep 0.005; done
cat "status-$number" 2>/dev/null || echo gone
