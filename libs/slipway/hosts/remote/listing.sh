#!/bin/sh
# Print the contents of a folder as two digests, in the format of file_manifest.py. Argument: the folder. With a second
# argument, print the listings themselves, to find the difference.
LC_ALL=C
export LC_ALL
cd -- "$1" || exit
outline() { find . -mindepth 1 -printf '%p\t%y %m %l\0' | sort -z; }
contents() { find . -type f -print0 | sort -z | xargs -0 -r sha256sum -z --; }
if [ -n "${2:-}" ]; then
    outline
    contents
else
    outline | sha256sum | cut -c 1-64
    contents | sha256sum | cut -c 1-64
fi
