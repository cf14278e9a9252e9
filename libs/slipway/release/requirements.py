"""Find pinned requirements of the bases with newer versions, and write the new pins.

A short list (``requirements.in``) is what people edit; its lock (``requirements.txt``) is what an image installs. A
file without a short list is its own.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from slipway.core.image import Image
from slipway.core.problems import Cause
from slipway.core.reference import Reference
from slipway.plan.findings import REQUIREMENTS
from slipway.release.outdated import Touched
from slipway.stack import graph

_PIN = re.compile(
    r"(?m)^([ \t]*([A-Za-z0-9][\w.-]*)[ \t]*(?:\[[^\]\n]*\])?[ \t]*)==[ \t]*([^\s;,#\\=*]+)(?![^\s;,#\\])"
)
_HASHES = re.compile(r"[ \t]*\\?\r?\n?[ \t]*--hash=\S+")
_NAMED = re.compile(r"(?m)^[ \t]*(?:-c|-r|--constraint|--requirement)[ =]?[ \t]*(\S+)")
#: uv and pip-tools name the command that made a lock in its first lines.
_COMMAND = re.compile(r"(?m)^#[ \t]+(uv pip compile .*)$")
_PYTHON = re.compile(r"(\d+\.\d+)")


class RequirementCause(Cause):
    """Name the reasons for which slipway finds no newer versions of requirements."""

    INDEX = "index-failed", "The package index does not answer, or refuses the request."
    UNFIT = "requirements-unfit", "No versions on the index fit all lines of a list."
    LOCKER = "lock-command-failed", "The command that locks the requirements failed; the files are as before."


@dataclass(frozen=True)
class RequirementList:
    """Hold a list of requirements: the file that people edit, the file that images install, and these images.

    Both paths are from the repository's root; they are equal where there is no short list.
    """

    source: str
    lock: str
    images: tuple[str, ...]


@dataclass(frozen=True)
class Newer:
    """Hold a requirement with a newer version that fits the rest of its list, and what it touches."""

    path: str
    name: str
    old: str
    new: str
    touched: Touched

    def as_json(self) -> dict[str, Any]:
        touched = {"images": list(self.touched.images), "bytes": self.touched.bytes}
        return {"file": self.path, "name": self.name, "old": self.old, "new": self.new, **touched}


def requirement_lists(files: Mapping[str, Sequence[str]], exists: Callable[[str], bool]) -> tuple[RequirementList, ...]:
    """Return the lists behind the requirements files that images read. ``files``: image → paths from the root."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for image, paths in files.items():
        for path in paths:
            if REQUIREMENTS.fullmatch(path):
                stem, end = posixpath.splitext(path)
                short, lock = f"{stem}.in", f"{stem}.txt"
                source = short if exists(short) else path
                of = (source, lock if end == ".in" and exists(lock) else path)
                found.setdefault(of, {})[image] = None
    return tuple(RequirementList(*of, tuple(images)) for of, images in sorted(found.items()))


def ordered(lists: Sequence[RequirementList], texts: Mapping[str, str]) -> tuple[RequirementList, ...]:
    """Return the lists, each after those whose files its source names (``-c``, ``-r``)."""
    named = {one.source: set(files_named(one.source, texts[one.source])) for one in lists}
    below = {
        one.source: [other.source for other in lists if other != one and {other.lock, other.source} & named[one.source]]
        for one in lists
    }
    by_source = {one.source: one for one in lists}
    return tuple(by_source[source] for source in graph.order(below))


def files_named(path: str, text: str) -> Iterator[str]:
    """Yield the files that a list names (``-c``, ``-r``), from the repository's root; none outside of it."""
    for name in _NAMED.findall(text):
        found = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        if "://" not in name and not found.startswith(("../", "/")):
            yield found


def pins(text: str) -> dict[str, str]:
    """Return each requirement with one exact version, by its normalized name. Of several, the highest counts."""
    found: dict[str, str] = {}
    for _, name, version in _PIN.findall(text):
        key = canonicalize_name(name)
        if key not in found or is_newer(version, found[key]):
            found[key] = version
    return found


def loosened(text: str) -> str:
    """Return a list in which each exact version is the lowest one, without hashes."""
    return _PIN.sub(lambda match: f"{match[1]}>={match[3].partition('+')[0]}", _HASHES.sub("", text))


def repinned(text: str, versions: Mapping[str, str]) -> str:
    """Return a list in which each exact version with a newer one in ``versions`` has that. Nothing else changes."""

    def pinned(match: re.Match[str]) -> str:
        new = versions.get(canonicalize_name(match[2]), "")
        return match[0].replace(match[3], new) if new and is_newer(new, match[3]) else match[0]

    return _PIN.sub(pinned, text)


def has_hashes(text: str) -> bool:
    return "--hash=" in text


def newer(path: str, before: str, versions: Mapping[str, str], touched: Touched) -> tuple[Newer, ...]:
    """Return the requirements of ``before``, the text of ``path``, that have a newer version."""
    return tuple(
        Newer(path, name, old, versions[name], touched)
        for name, old in sorted(pins(before).items())
        if name in versions and is_newer(versions[name], old)
    )


def is_newer(version: str, other: str) -> bool:
    """Tell whether ``version`` is higher than ``other``; a local part (``+cpu``) does not count."""
    try:
        one, two = Version(version), Version(other)
    except InvalidVersion:
        return False
    return Version(one.public) > Version(two.public)


def lock_words(one: RequirementList, lock: str) -> tuple[str, ...]:
    """Return the command that writes the list's lock again with newer versions.

    It is the one that uv wrote into the first lines of the text ``lock``, else a plain ``uv pip compile``.
    """
    if named := _COMMAND.search(lock):
        words = [word for word in shlex.split(named[1]) if word not in ("--upgrade", "-U")]
        if one.source in words:
            return (*words, "--upgrade", "--quiet")
    hashes = ("--generate-hashes",) if has_hashes(lock) else ()
    return ("uv", "pip", "compile", one.source, "--output-file", one.lock, *hashes, "--upgrade", "--quiet")


def python_of(image: str, stack: Mapping[str, Image]) -> str:
    """Return the Python version in the tag of the root image on which ``image`` stands; empty if it names none."""
    found = stack[image]
    while found.foundation in stack:
        found = stack[found.foundation]
    root = Reference.read(found.foundation)
    version = _PYTHON.match(root.tag)
    return version[1] if version and "python" in root.name else ""
