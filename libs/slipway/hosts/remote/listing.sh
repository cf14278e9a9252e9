#!/bin/sh
# Print the contents of a folder as two digests, in the format of file_manifest.py. Argument: the folder. With a second
# argument, print the listings themselves, to find the difference. Each processor hashes some of the files. Each program
# writes a file of its own beside the folder, because the outputs of two programs in one pipe mix.
LC_ALL=C
export LC_ALL
cd -- "$1" || exit
outline() { find . -mindepth 1 -printf '%p\t%y %m %l\0' | sort -z; }
contents() {
    sums=$(mktemp -d -p ..) || return
    # shellcheck disable=SC2016
    find . -type f -print0 | xargs -0 -r -n 256 -P "$(nproc)" sh -c 'exec sha256sum -z -- "$@" >>"$0/$$"' "$sums"
    find "$sums" -type f -exec cat -- {} + | sort -z -k 1.67 # the path follows the digest and two more characters
    rm -rf -- "$sums"
}
if [ -n "${2:-}" ]; then
    outline
    contents
else
    outline | sha256sum | cut -c 1-64
    contents | sha256sum | cut -c 1-64
fi
