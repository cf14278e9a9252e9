"""Choose the folder that an image gets as its context."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from slipway.dockerfile import Source
from slipway.stack.definition import Definition

#: The repository's root as a context.
ROOT = "."


def folders_of(one: Definition, sources: Sequence[Source], exists: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the folders that may be the context of the image, the best first: the one that its definition names.

    ``exists``: tells whether a path from the repository's root exists.
    """
    if one.context:
        return (posixpath.normpath(one.context),)
    return fitting_folders(one.dockerfile, sources, exists)


def fitting_folders(dockerfile: str, sources: Sequence[Source], exists: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the folders at or above ``dockerfile`` that contain every path of ``sources``, nearest first.

    Patterns do not count, because BuildKit allows a pattern that matches nothing. A file added in a folder farther up
    does not change the context, because the nearest folder remains the nearest. A Dockerfile that reads no files fits
    only the repository's root.
    """
    if not sources:
        return (ROOT,)
    named = {path for source in sources for path in source.literal}
    folders = map(str, PurePosixPath(dockerfile).parents)
    return tuple(folder for folder in folders if all(exists(posixpath.normpath(f"{folder}/{path}")) for path in named))
