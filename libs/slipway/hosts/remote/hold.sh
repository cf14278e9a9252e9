#!/bin/sh
# Keep the folder of a system's files from removal until stdin ends. The connection's end ends stdin. Remove the folders
# of the systems that nothing uses. Print "held" and the names of the complete copies, or an error.
# Arguments: the project's folder, the system, the names of the copies.
exec 2>&1
set -eu
umask 077
mkdir -p -- "$1/systems/$2"
cd -- "$1/systems/$2"
echo "$$" >job
(cd ../.. && sweep_systems)
shift 2
held=held
for name; do
    if [ -e "$name" ]; then
        held="$held $name"
    else
        mkdir -p -- "$name.part"
    fi
done
echo "$held"
cat >/dev/null
