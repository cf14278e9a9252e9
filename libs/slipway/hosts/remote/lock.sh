#!/bin/sh
# Take a lock that all users of this build host respect, or print its holder. Only this host's clock counts. With
# "break", and never without it, break a lock whose lease was not renewed for the given seconds.
# Arguments: the lock, the holder's name, a random word that identifies the client, the seconds, "break" or an empty
# word.
umask 022
lock=$1
[ -d "${lock%/*}" ] || (umask 0 && mkdir -m 1777 -- "${lock%/*}") 2>/dev/null
age() { echo $(($(date +%s) - $(stat -c %Y -- "$lock/lease" 2>/dev/null || date +%s))); }
if [ "$5" = break ] && [ -d "$lock" ] && [ "$(age)" -gt "$4" ]; then
    mv -- "$lock" "$lock.$3" && rm -rf -- "$lock.$3"
fi
if mkdir -- "$lock" 2>/dev/null; then
    : >"$lock/lease"
    echo "$3" >"$lock/word"
    echo "$2 since $(date '+%Y-%m-%d %H:%M:%S')" >"$lock/holder"
    echo ours
elif [ "$(cat "$lock/word" 2>/dev/null)" = "$3" ]; then
    echo ours
elif [ -d "$lock" ]; then
    echo "held $(age) $(cat "$lock/holder" 2>/dev/null)"
else
    echo "no lock can be made in ${lock%/*}"
fi
