#!/bin/sh
# Serve Redis, and go on with reads while its volume is full.
#
# Redis ends when it cannot append a write to its file: before it acknowledges the write, so that none is lost. Until the
# volume has room, this script then runs it as a replica of nothing. A replica answers reads, refuses writes (READONLY),
# and expires no keys, so that it appends nothing.
set -u

has_room() {
    [ "$(df --output=avail --block-size=1K /data | tail -n 1)" -ge 1024 ]
}

serve() {
    redis-server /usr/local/etc/redis.conf "$@" &
    redis=$!
}

stopped=
trap 'stopped=yes; kill -TERM "$redis"' TERM INT

while :; do
    if has_room; then
        serve
        wait "$redis"
        status=$?
        # The trap ends a wait before Redis has ended.
        [ -z "$stopped" ] || { wait "$redis"; exit 0; }
        has_room && exit "$status"
    fi
    echo "the volume is full: Redis refuses writes until it has room" >&2
    serve --loglevel warning --replicaof 127.0.0.1 1
    until has_room || [ -n "$stopped" ]; do
        sleep 1
    done
    kill -TERM "$redis" 2> /dev/null
    wait "$redis"
    [ -z "$stopped" ] || exit 0
done
