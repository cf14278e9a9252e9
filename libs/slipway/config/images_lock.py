"""images.lock: the digest of each root image and frontend, so that every build takes the same ones.

"docker/dockerfile:1" = "sha256:…"
"python:3.12-slim" = "sha256:…"
"slipway-python:3.11-bookworm" = "local"

The file is TOML, sorted by name, one line for each image. ``local`` stands for an image that no registry has, such as
one that a script builds on each machine: slipway takes the engine's own.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from slipway.core.errors import Problem, UsageError, one_line
from slipway.core.reference import Reference

FILE = "images.lock"
LOCAL = "local"
_HEAD = "# The digests of root images and frontends, as base.outdated --update wrote them.\n"
_FIX = "fix the line, or remove it: invoke base-outdated --update writes it again"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class ImagesLock:
    """Hold the lock: the familiar name of each image → its digest, or ``local``. ``exists``: the file is there.

    ``mirror``: the repositories below which builds find the locked images of other registries; empty for their own.
    """

    entries: Mapping[str, str] = field(default_factory=dict)
    exists: bool = False
    mirror: str = ""

    def entry(self, image: str) -> str:
        """Return the digest of an image, or ``local``; empty when the file does not name the image."""
        return self.entries.get(lock_name(image), "")

    def digest(self, image: str) -> str:
        """Return the digest that the lock gives an image, or an empty string.

        A reference with a digest of its own needs no lock.
        """
        found = self.entry(image)
        return "" if found == LOCAL or Reference.read(image).digest else found

    def pinned(self, image: str) -> str:
        """Return the reference with the locked digest, else the image's name as it is."""
        digest = self.digest(image)
        return str(replace(self.place(image), tag="", digest=digest)) if digest else image

    def place(self, image: str) -> Reference:
        """Return the reference of a locked image where builds take it from: the mirror, or its own registry.

        The tag in the mirror keeps the registry from collecting the image.
        """
        own = Reference.read(image)
        host, _, folder = self.mirror.partition("/")
        if not self.mirror or own.registry == host:
            return own.full
        path = f"{folder}/{own.registry.lower().replace(':', '-')}/{own.path}"
        return Reference(host, path, f"locked-{self.digest(image).removeprefix('sha256:')[:12]}")

    def missing(self, images: Iterable[str]) -> Iterator[str]:
        """Yield those of ``images`` that the lock does not name, though it exists. A digest needs no lock."""
        if self.exists:
            yield from (image for image in images if not self.entry(image) and not Reference.read(image).digest)

    def having(self, entries: Mapping[str, str]) -> ImagesLock:
        """Return the lock with more entries. Those of other images stay: another machine may need them."""
        return replace(self, entries={**self.entries, **entries}, exists=True)

    @property
    def text(self) -> str:
        """Return the file's text, sorted by name."""
        lines = (f"{json.dumps(name)} = {json.dumps(self.entries[name])}\n" for name in sorted(self.entries))
        return _HEAD + "".join(lines)


def lock_name(image: str) -> str:
    """Return the name of an image in the lock: without Docker Hub's host, and with a tag unless that is ``latest``."""
    return Reference.read(image).full.context


def read_lock(root: Path) -> tuple[ImagesLock, tuple[Problem, ...]]:
    """Read the repository's lock, and return every problem with its ``file:line``. Without the file, it is empty."""
    try:
        data = (root / FILE).read_bytes()
    except FileNotFoundError:
        return ImagesLock(), ()
    except OSError as error:
        return ImagesLock(), (Problem(FILE, f"cannot be read: {error.strerror}"),)
    return parse_lock(data)


def parse_lock(data: bytes) -> tuple[ImagesLock, tuple[Problem, ...]]:
    """Parse the file's bytes. Return the lock, and every problem with its ``file:line``."""
    try:
        text = data.decode("utf-8")
        found = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return ImagesLock(), (Problem(FILE, f"not TOML: {one_line(str(error))}", _FIX),)
    lines = text.splitlines()
    problems = [
        Problem(_place(lines, name), what, hint) for name, value in found.items() for what, hint in _faults(name, value)
    ]
    if problems:
        return ImagesLock(), tuple(problems)
    return ImagesLock({lock_name(name): value for name, value in found.items()}, exists=True), ()


def _faults(name: str, value: object) -> Iterator[tuple[str, str]]:
    shown = one_line(name)
    try:
        reference = Reference.parse(name)
    except UsageError as error:
        yield error.message, error.hint
        return
    if reference.digest:
        yield f"{shown}: a name in the lock has no digest", f'"{name.partition("@")[0]}" = "{reference.digest}"'
    if not isinstance(value, str) or not (value == LOCAL or _DIGEST.fullmatch(value)):
        yield f'{shown}: its value is "sha256:" and 64 hexadecimal digits, or "{LOCAL}"', _FIX


def _place(lines: list[str], name: str) -> str:
    number = next((number for number, line in enumerate(lines, start=1) if name in line.partition("=")[0]), 1)
    return f"{FILE}:{number}"
