#!/bin/sh
# A key of its own at the first start, then the engine and sshd; sshd's end ends the host.
set -eu
ssh-keygen -A >/dev/null
mkdir -p /run/sshd
dockerd --host=unix:///run/docker.sock --group=docker "$@" >/var/log/dockerd.log 2>&1 &
exec /usr/sbin/sshd -D -e
