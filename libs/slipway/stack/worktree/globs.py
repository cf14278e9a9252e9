"""Find the paths that a pattern of COPY names, by the rules of Go's filepath.Match.

The module reads the names of files, never their content.
"""

from __future__ import annotations

import fnmatch
import os
import re

from slipway.dockerfile import is_glob


def matches(base: str, pattern: str, *, deep: bool) -> list[str]:
    """Return the paths below ``base`` that match ``pattern``.

    ``deep``: whether ``**`` stands for folders at any depth, as in COPY --parents.
    """
    found = [""]
    for part in pattern.split("/"):
        below = _folders if deep and part == "**" else _children
        found = list(dict.fromkeys(hit for path in found for hit in below(base, path, part)))
    return found


def _folders(base: str, folder: str, part: str) -> list[str]:
    """Return ``folder`` and all folders below it."""
    top = os.path.join(base, folder)
    return [os.path.normpath(os.path.join(folder, os.path.relpath(path, top))) for path, _, _ in os.walk(top)]


def _children(base: str, folder: str, part: str) -> list[str]:
    """Return the paths in ``folder`` whose last part matches ``part``."""
    if not is_glob(part):
        path = os.path.join(folder, part)
        return [path] if os.path.lexists(os.path.join(base, path)) else []
    pattern = re.sub(r"\\(.)", lambda match: f"[{match[1]}]", part).replace("[^", "[!")
    try:
        names = sorted(os.listdir(os.path.join(base, folder)))
    except (NotADirectoryError, FileNotFoundError):
        return []
    return [os.path.join(folder, name) for name in names if fnmatch.fnmatchcase(name, pattern)]
