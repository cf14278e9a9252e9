#!/bin/sh
# Make the run's tree from the tree of an earlier run and the changes on stdin, then become the given command, which
# compares the tree and reads the rest of stdin. Files that do not change are hard links. Do nothing when the tree was
# compared before. A client whose connection was lost calls this script again.
# Arguments: the run's folder, the earlier run, the bytes of the list of paths to remove, the bytes of the compressed tar
# archive, the command.
umask 077
cd -- "$1" || exit
if [ -e whole ]; then
    head -c "$(($3 + $4))" >/dev/null
else
    rm -rf -- tree
    mkdir -- tree
    # Without the earlier tree, the comparison finds the difference.
    [ ! -e "../$2/whole" ] || cp -al -- "../$2/tree/." tree
    head -c "$3" | (cd tree && xargs -0 -r rm -rf --)
    head -c "$4" | tar -xzpf - -C tree
fi
shift 4
exec "$@"
