#!/bin/sh
# Link the socket of a forwarded agent as "agent" into a run's folder until stdin ends. The connection's end ends stdin.
# Print "forwarded" once the link exists, "refused" when sshd created no socket, or an error.
# Arguments: the run's folder, SSH_AUTH_SOCK as this host sets it without sshd.
exec 2>&1
set -eu
umask 077
cd -- "$1"
socket=${SSH_AUTH_SOCK:-}
if [ "$socket" = "$2" ] || [ ! -S "$socket" ]; then
    echo refused
    exit
fi
# An older connection may have left its link. mv replaces it in one step, so that a build always finds a link.
ln -s -- "$socket" "agent.$$"
mv -T -- "agent.$$" agent
echo forwarded
cat >/dev/null
[ "$(readlink agent)" != "$socket" ] || rm -f agent
