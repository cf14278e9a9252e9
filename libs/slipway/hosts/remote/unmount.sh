#!/bin/sh
# Remove the files of a system that is down, and of the systems that nothing uses. Print the first error.
# Arguments: the project's folder, the system.
cd -- "$1" 2>/dev/null || exit 0
said=$(rm -rf -- "systems/$2" 2>&1) || echo "$said" | head -n 1
sweep_systems
