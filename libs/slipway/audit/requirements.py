"""Name the line of a repository that brought a package: of a list of requirements, or of a Dockerfile's RUN.

Pure. A lock names each package that it installs, and the short list beside it names those that the user asked for. A
package that no short list names is there because another one requires it.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from packaging.utils import canonicalize_name

from slipway.audit.distributions import Key, Kind
from slipway.core.errors import UsageError
from slipway.dockerfile.text import Dockerfile, parse

#: A package by its kind and its name for comparisons.
Named: TypeAlias = tuple[Kind, str]
_LINE = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:[\[=<>!~;@,(#\\]|$)")
_LOCKED = re.compile(r"name = \"([^\"]+)\"")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]*")
_INSTALL = re.compile(r"\b(?:install|add)\s")
_COMMAND = re.compile(r"&&|\|\||;")
_TOML_LOCKS = (".lock", ".toml")


@dataclass(frozen=True)
class Lists:
    """Hold the lines that name packages, as ``file:line``: in locks (``pinned``) and in short lists (``wanted``)."""

    pinned: Mapping[Named, str] = field(default_factory=dict)
    wanted: Mapping[Named, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Requirement:
    """Hold why a package is in an image.

    ``chain``: its name, then that of the package that requires it, and so on up to the one that ``line`` names.
    ``pinned``: the line of the lock that sets its version.
    """

    chain: tuple[str, ...]
    line: str = ""
    pinned: str = ""

    def __str__(self) -> str:
        """Return the chain up to the line: ``torch ← sentence-transformers ← libs/requirements-ml.in:4``."""
        if self.line:
            return " ← ".join((*self.chain, self.line))
        return f"{self.chain[0]} ← {self.pinned}" if self.pinned else ""


def read_lists(dockerfile: str, locks: Iterable[str], text: Callable[[str], str]) -> Lists:
    """Return the lists that an image's build reads, and those that belong to them.

    ``locks``: their paths. ``text`` returns the text of a file of the repository, empty for one that does not exist.
    """
    pinned: dict[Named, str] = {}
    wanted: dict[Named, str] = {}
    for lock in sorted(locks):
        lines = dict(_named(lock, text(lock)))
        short = _short_list(lock)
        own = dict(_named(short, text(short))) if short and text(short) else lines
        _add(pinned, lines)
        _add(wanted, own)
    _add(wanted, dict(_installed(dockerfile, text(dockerfile))))
    return Lists(pinned, wanted)


def required_by(needs: Mapping[Key, Iterable[Key]]) -> Mapping[Key, tuple[Key, ...]]:
    """Return the packages that require each package."""
    found: dict[Key, list[Key]] = defaultdict(list)
    for one, required in needs.items():
        for other in required:
            found[other].append(one)
    return {one: tuple(sorted(others)) for one, others in found.items()}


def requirement(package: Key, requirers: Mapping[Key, Iterable[Key]], lists: Lists) -> Requirement:
    """Return why ``package`` is in an image: the shortest chain to a line, as far as ``lists`` have one."""
    pinned = lists.pinned.get(_named_key(package), "")
    came_from: dict[Key, Key | None] = {package: None}
    waiting = deque([package])
    while waiting:
        one = waiting.popleft()
        if line := lists.wanted.get(_named_key(one)):
            return Requirement(tuple(_way(one, came_from)), line, pinned)
        for other in requirers.get(one, ()):
            if other not in came_from:
                came_from[other] = one
                waiting.append(other)
    return Requirement((package[1],), "", pinned)


def _way(end: Key, came_from: Mapping[Key, Key | None]) -> list[str]:
    names: list[str] = []
    one: Key | None = end
    while one:
        names.insert(0, one[1])
        one = came_from[one]
    return names


def _named_key(key: Key) -> Named:
    return Kind(key[0]), key[1]


def _add(to: dict[Named, str], lines: Mapping[Named, str]) -> None:
    for name, line in lines.items():
        to.setdefault(name, line)


def _short_list(lock: str) -> str:
    """Return the path of the list of which tools make a lock."""
    folder, file = posixpath.split(lock)
    stem, end = posixpath.splitext(file)
    return posixpath.join(folder, f"{stem}.in" if end == ".txt" else "pyproject.toml")


def _named(path: str, text: str) -> Iterator[tuple[Named, str]]:
    """Yield each Python package that a list names, with its line."""
    if path.endswith("pyproject.toml"):
        yield from _of_project(path, text)
        return
    form = _LOCKED if path.endswith(_TOML_LOCKS) else _LINE
    for number, line in enumerate(text.splitlines(), start=1):
        if found := form.match(line):
            yield (Kind.PYTHON, canonicalize_name(found[1])), f"{path}:{number}"


def _of_project(path: str, text: str) -> Iterator[tuple[Named, str]]:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    names = set(_project_names(found))
    for number, line in enumerate(text.splitlines(), start=1):
        for word in _WORD.findall(line):
            if (name := canonicalize_name(word)) in names:
                names.remove(name)
                yield (Kind.PYTHON, name), f"{path}:{number}"


def _project_names(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of a project's own dependencies, in the tables of PEP 621 and of Poetry."""
    listed = found.get("project", {}).get("dependencies") or ()
    poetry = found.get("tool", {}).get("poetry", {}).get("dependencies") or {}
    for text in (*listed, *poetry):
        if name := _WORD.match(str(text)):
            yield canonicalize_name(name[0])


def _installed(path: str, text: str) -> Iterator[tuple[Named, str]]:
    """Yield each word after an installer in a RUN of a Dockerfile, as a name of Debian's and of Python's packages."""
    try:
        lines, parsed = text.splitlines(), parse(text, path=path)
    except UsageError:
        return
    for first, last in _runs(parsed, len(lines)):
        installs = False
        for number in range(first, last):
            for index, part in enumerate(_COMMAND.split(lines[number - 1])):
                start = _INSTALL.search(part)
                installs = bool(start) or (installs and not index)
                for word in _WORD.findall(part[start.end() if start else 0 :]) if installs else ():
                    yield (Kind.DEBIAN, word), f"{path}:{number}"
                    yield (Kind.PYTHON, canonicalize_name(word)), f"{path}:{number}"


def _runs(dockerfile: Dockerfile, lines: int) -> Iterator[tuple[int, int]]:
    """Yield the first line of each RUN, and the first line after it."""
    sections = [(section.line, section.instructions) for section in dockerfile.sections]
    starts = sorted([line for line, _ in sections] + [one.line for _, found in sections for one in found])
    for _, found in sections:
        for one in found:
            if one.name == "RUN":
                yield one.line, next((start for start in starts if start > one.line), lines + 1)
