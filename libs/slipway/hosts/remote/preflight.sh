#!/bin/sh
# Print the facts of a build host, a line each: name, tab, value. Arguments: a word to print first, the folder of all
# runs. Slow programs run in parallel to the rest. Each answer is one line, so that answers do not mix.
say() { printf '%s\t%s\n' "$1" "$(printf '%s' "$2" | tr '\n\t' '  ')"; }
has() { if "$@" >/dev/null 2>&1; then echo yes; fi; }

say ready "$1"
# Search for buildx where docker's CLI finds it. The CLI itself is slower, because it first runs every plugin.
plugin=
for plugins in "$HOME/.docker" /usr/local/lib/docker /usr/local/libexec/docker /usr/lib/docker /usr/libexec/docker; do
    [ -n "$plugin" ] || [ ! -x "$plugins/cli-plugins/docker-buildx" ] || plugin=$plugins/cli-plugins/docker-buildx
done
say plugin "$plugin"
{
    # The client prints its own version and context first, even if no engine answers.
    client='{{.Client.Version}} {{.Client.Context}}'
    asked="$client {{.Server.Version}} {{.Server.APIVersion}} {{.Server.Os}}/{{.Server.Arch}}"
    if said=$(docker version --format "$asked" 2>/dev/null); then
        say engine "${said#* * }"
        context=${said#* }
        say context "${context%% *}"
    else
        say silence "$(docker version --format '{{.Server.Version}}' 2>&1 >/dev/null)"
    fi
    say docker "${said%% *}"
} &
{
    if [ -n "$plugin" ]; then buildx=$("$plugin" version); else buildx=$(docker buildx version); fi 2>/dev/null
    say buildx "$buildx"
} &

folder=$2
case $folder in
\~) folder=$HOME ;;
\~/*) folder=$HOME/${folder#\~/} ;;
esac

say clock "$(date +%s)"
say machine "$(uname -m)"
# shellcheck source=/dev/null
say system "$(if [ -r /etc/os-release ]; then . /etc/os-release && echo "${ID:-}"; else uname -s; fi)"
say user "$(id -un)"
say rsync "$(rsync --version 2>/dev/null | head -n 1)"
say setsid "$(has setsid true)"
say timeout "$(has timeout 60 true)"
say sha256sum "$(has sha256sum -z /dev/null)"
say tar "$(has sh -c 'tar -czf - --files-from /dev/null | tar -tzf -')"
say find "$(has find / -maxdepth 0 -printf %m)"

# The first user creates the folder for all users of this host. Each has their own folder in it; no other can move it.
if [ ! -e "$folder" ]; then
    mkdir -p -- "$(dirname "$folder")" 2>/dev/null
    (umask 0 && mkdir -m 1777 -- "$folder") 2>/dev/null
fi
say folder "$folder"
own=$folder/$(id -un)
refused=$( (umask 077 && mkdir -p -- "$own") 2>&1)
if [ -L "$own" ] || [ -n "$(find "$own" -maxdepth 0 ! -user "$(id -un)" 2>/dev/null)" ]; then
    refused="$own is somebody else's"
fi
say refused "$refused"
compared=
for whole in "$own"/*/runs/*/whole; do
    project=${whole%/runs/*}
    [ ! -e "$whole" ] || compared="$compared ${project##*/}"
done
say compared "$compared"
free() { df -Pk -- "$1" 2>/dev/null | awk 'NR == 2 { print $4 }'; }
say free "$(free "$folder")"
say usual "$(free /var/lib/docker)"
wait
