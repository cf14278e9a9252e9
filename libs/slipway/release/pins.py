"""Compare the requirements of an image with the versions that the images below it pin. Pure.

A file of requirements that an image reads says which packages its build installs. When a line excludes the version
that a base pins, the build replaces the base's package, or a resolver refuses it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from slipway.core.image import Image, Stack
from slipway.plan.decide import Facts
from slipway.release.writing import ReadText
from slipway.stack.entries import Kind

_FILE = re.compile(r"(?:.*/)?[^/]*(?:requirements|constraints)[^/]*\.txt")
_CONTINUED = re.compile(r"\\\r?\n")


@dataclass(frozen=True)
class Line:
    """Hold a line of a file of requirements, with its place: ``requirements.txt:3``."""

    place: str
    requirement: Requirement

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def pinned(self) -> Version | None:
        """Return the one version that fits; None when the line names no single version."""
        found = [one for one in self.requirement.specifier if one.operator in ("==", "===")]
        try:
            return Version(found[0].version) if len(self.requirement.specifier) == len(found) == 1 else None
        except InvalidVersion:  # a wildcard, as in ==8.*
            return None


@dataclass(frozen=True)
class Conflict:
    """Hold a line of an image that excludes the version that ``base`` pins."""

    image: str
    line: Line
    base: str
    pin: Line

    def __str__(self) -> str:
        return f"{self.line.place}: {_text(self.line)}, and {self.base} has {_text(self.pin)} ({self.pin.place})"


def conflicts(stack: Stack, facts: Facts, read: ReadText) -> tuple[Conflict, ...]:
    """Return the conflicts of all images with the images below them. ``read`` returns a file's text."""
    named = {image.name: requirement_files(image, facts) for image in stack}
    texts = {path: read(path) or "" for path in sorted({path for paths in named.values() for path in paths})}
    lines = {path: lines_of(path, text) for path, text in texts.items()}
    return tuple(conflict for image in stack for conflict in _conflicts(image, stack, named, lines))


def requirement_files(image: Image, facts: Facts) -> tuple[str, ...]:
    """Return the files of requirements that an image reads, from the repository's root."""
    return tuple(sorted(path for path in _read(image, facts) if _FILE.fullmatch(path)))


def lines_of(path: str, text: str) -> tuple[Line, ...]:
    """Return the requirements in a text.

    Options, URLs, and lines with a marker, which may not count in the image, are left out.
    """
    found = []
    number = 1
    for line in _CONTINUED.sub("\0", text).split("\n"):
        said = line.replace("\0", " ").partition(" #")[0].partition(" --")[0].strip()
        if said and said[0] not in "#-":
            try:
                requirement = Requirement(said)
            except InvalidRequirement:
                requirement = None
            if requirement and not requirement.marker and not requirement.url:
                found.append(Line(f"{path}:{number}", requirement))
        number += 1 + line.count("\0")
    return tuple(found)


def _conflicts(
    image: Image, stack: Stack, named: Mapping[str, Sequence[str]], lines: Mapping[str, Sequence[Line]]
) -> Iterator[Conflict]:
    below = stack.below(image.name)
    inherited = {path for base in below for path in named[base]}
    pins = {line.name: (base, line) for base in below for path in named[base] for line in lines[path] if line.pinned}
    for path in named[image.name]:
        for line in lines[path] if path not in inherited else ():
            base, pin = pins.get(line.name, ("", line))
            if base and pin.pinned and not line.requirement.specifier.contains(pin.pinned, prereleases=True):
                yield Conflict(image.name, line, base, pin)


def _read(image: Image, facts: Facts) -> Iterator[str]:
    for path, entry in facts.manifests[image.name].files.items():
        inside = facts.trees.get(entry.content, {}) if entry.kind is Kind.TREE else ("",)
        yield from (posixpath.normpath(posixpath.join(image.context, path, each)) for each in inside)


def _text(line: Line) -> str:
    return f"{line.requirement.name}{line.requirement.specifier}"
