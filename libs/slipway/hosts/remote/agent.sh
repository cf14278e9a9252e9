#!/bin/sh
# Link the socket by which sshd forwards an agent as "agent" into a run's folder, until stdin ends. It ends with the
# connection. On stdout: "forwarded" once the link is there, "refused" when sshd made no socket, or an error.
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
# An older connection may have left its link: mv replaces it in one step, so that a build finds a link at any time.
ln -s -- "$socket" "agent.$$"
mv -T -- "agent.$$" agent
echo forwarded
cat >/dev/null
[ "$(readlink agent)" != "$socket" ] || rm -f agent
