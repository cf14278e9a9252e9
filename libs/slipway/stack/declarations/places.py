"""Tell the folders of this repository from other places, and write them as paths from its root."""

from __future__ import annotations

import posixpath
import re

from slipway.secrets.patterns import without_logins

#: A git repository, an archive on a server, an image, or another service or target.
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*://|git@|github\.com/|(?:service|target):")


def is_elsewhere(place: str) -> bool:
    """Tell whether ``place`` is not a path: ``https://…``, ``docker-image://…``, ``service:api``."""
    return bool(_ELSEWHERE.match(place))


def joined(folder: str, place: str) -> str:
    """Return ``place``, which is relative to ``folder``, from the repository's root. Other places do not change."""
    if is_elsewhere(place) or place.startswith(("/", "~")):
        return place
    return posixpath.normpath(posixpath.join(folder, place))


def within(root: str, place: str) -> str | None:
    """Return ``place`` as a path from the repository's root, or None when it is not in the repository.

    ``root``: the repository's absolute path. ``place``: an absolute path, or one from the root.
    """
    if is_elsewhere(place) or place.startswith("~"):
        return None
    found = posixpath.relpath(place, root) if place.startswith("/") else posixpath.normpath(place)
    return None if found == ".." or found.startswith("../") else found


def outside(what: str, place: str) -> str:
    """Return the problem with the ``what`` of an image, such as its context, which is not in the repository."""
    if is_elsewhere(place):
        return f"its {what} {without_logins(place)} is not a folder of the repository"
    return f"its {what} {place} is outside the repository"
