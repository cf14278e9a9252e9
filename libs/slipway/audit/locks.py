"""Name the files that the build of an image reads, among those that list requirements."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from slipway.core.image import Image
from slipway.stack.digest import Manifest
from slipway.stack.entries import FileEntry, Kind, Trees, decode

#: The locks, and the lists without hashes, that installers of Python's packages read.
_LOCK = re.compile(r"(?:.*/)?(?:[^/]*requirements[^/]*\.txt|(?:poetry|uv|pdm|Pipfile)\.lock|pylock(?:\.[^/]+)?\.toml)")


def locks_read(image: Image, manifest: Manifest, trees: Trees) -> Mapping[str, str]:
    """Return the locks of requirements that an image reads: path from the repository's root → sha256."""
    found: dict[str, str] = {}
    for path, entry in manifest.files.items():
        for inside, file in _files(entry, trees):
            whole = posixpath.normpath(posixpath.join(image.context, path, inside))
            if file.kind is Kind.FILE and _LOCK.fullmatch(whole):
                found[whole] = file.content
    return found


def _files(entry: FileEntry, trees: Trees) -> Iterator[tuple[str, FileEntry]]:
    """Yield an entry, or the entries of a tree that may be locks, with their paths below it."""
    if entry.kind is not Kind.TREE:
        yield "", entry
        return
    for path, text in trees.get(entry.content, {}).items():
        if _LOCK.fullmatch(path):
            yield path, decode(text)
