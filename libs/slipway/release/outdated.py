"""Compare the root images and frontends of a stack with their registries, and with images.lock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from slipway.config.images_lock import FILE, LOCAL, ImagesLock, lock_name
from slipway.core.image import Image
from slipway.core.reference import Reference
from slipway.core.units import size
from slipway.release.bump import own_bytes
from slipway.release.rewrite import Edit
from slipway.stack import graph


class RootState(StrEnum):
    """Name the states of a root image or frontend. ``base.outdated --json`` prints the values.

    ``local``: no registry has it, and each engine takes its own.
    """

    LOCKED = "as locked"
    MOVED = "moved"
    NEW = "not locked"
    LOCAL = "local"
    GONE = "gone"


@dataclass(frozen=True)
class Touched:
    """Hold the images that a build makes again when something below them changes, and the bytes of their layers.

    ``bytes`` is 0 if unknown.
    """

    images: tuple[str, ...] = ()
    bytes: int = 0

    def __str__(self) -> str:
        counted = "1 image" if len(self.images) == 1 else f"{len(self.images)} images"
        return f"{counted}, {size(self.bytes)}" if self.bytes else counted


@dataclass(frozen=True)
class RootStanding:
    """Hold a root image or frontend: its digest in the lock and in its registry, and what an update touches."""

    name: str
    state: RootState
    locked: str
    found: str
    touched: Touched

    @property
    def entry(self) -> str:
        """Return what an update writes into the lock."""
        return LOCAL if self.state is RootState.LOCAL else self.found or self.locked

    @property
    def change(self) -> str:
        """Return both digests, shortened."""
        parts = [one.removeprefix("sha256:")[:12] for one in dict.fromkeys((self.locked, self.found)) if one]
        return " → ".join(parts) if self.state is not RootState.LOCAL else ""

    def as_json(self) -> dict[str, Any]:
        touched = {"images": list(self.touched.images), "bytes": self.touched.bytes}
        return {"name": self.name, "state": self.state, "locked": self.locked, "found": self.found, **touched}


def standing_on(images: Sequence[Image]) -> dict[str, tuple[str, ...]]:
    """Return each root image and frontend, by its name in the lock → the images whose Dockerfiles name it.

    A reference with a digest of its own cannot move, so it is not among them.
    """
    found: dict[str, dict[str, None]] = {}
    for image in images:
        for root in (*image.roots, *filter(None, [image.frontend])):
            if not Reference.read(root).digest:
                found.setdefault(lock_name(root), {})[image.name] = None
    return {name: tuple(found[name]) for name in sorted(found)}


def touched(images: Sequence[Image], changed: Collection[str], sizes: Mapping[str, int]) -> Touched:
    """Return the images ``changed`` and those that stand on them. ``sizes``: image → bytes of its unpacked layers."""
    concerned = graph.descendants({image.name: image.parents for image in images}, changed) | set(changed)
    kept = [image for image in images if image.name in concerned]
    return Touched(tuple(image.name for image in kept), sum(own_bytes(kept, sizes).values()))


def root_standings(
    images: Sequence[Image], lock: ImagesLock, found: Mapping[str, str], sizes: Mapping[str, int]
) -> tuple[RootStanding, ...]:
    """Compare each root image with its registry.

    ``found``: the name in the lock → the digest in the registry, ``local``, or an empty string when the registry does
    not have the tag.
    """
    standings = []
    for name, users in standing_on(images).items():
        locked, digest = lock.digest(name), found[name]
        state = _state(locked, digest)
        there = "" if digest == LOCAL else digest
        standings.append(RootStanding(name, state, locked, there, touched(images, users, sizes)))
    return tuple(standings)


def updated(lock: ImagesLock, standings: Sequence[RootStanding]) -> ImagesLock:
    """Return the lock that gives each root image the digest of its registry."""
    return lock.having({one.name: one.entry for one in standings if one.entry})


def lock_edit(before: str | None, lock: ImagesLock, standings: Sequence[RootStanding]) -> Edit:
    """Return the edit of images.lock that an update makes. ``before``: its text."""
    return Edit(FILE, before or "", updated(lock, standings).text)


def _state(locked: str, found: str) -> RootState:
    if found == LOCAL:
        return RootState.LOCAL
    if not found:
        return RootState.GONE
    if not locked:
        return RootState.NEW
    return RootState.LOCKED if locked == found else RootState.MOVED
