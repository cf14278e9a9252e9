#!/bin/sh
# Take a lock that everybody who builds here respects, or say who holds it. By this host's clock alone. One whose lease
# was not renewed for the seconds given is broken when that is asked for, never else.
# Arguments: the lock, who, a word of one's own, the seconds, "break" or nothing.
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
