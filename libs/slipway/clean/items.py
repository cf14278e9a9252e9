"""Hold the things that a cleaning removes, and the reasons for which others stay. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Kind(StrEnum):
    """Name the kinds of things that a cleaning removes. ``clean --json`` prints the values."""

    IMAGE = "image"
    LEFTOVER = "leftover"
    CONTENT = "content"
    RUN = "run"
    REMOTE_RUN = "remote-run"
    CACHE = "cache"


class Stay(StrEnum):
    """Name the reasons for which something stays. ``clean --json`` prints the values."""

    PLANNED = "of the current plan"
    RELEASED = "named by the record of a release"
    UNFINISHED = "needed by an unfinished release"
    USED = "used by a container"
    TAGGED = "with a version tag, or another tag"
    PART = "part of an index that stays"
    ABOUT = "about an image that stays"
    FOREIGN = "not made by slipway"
    YOUNG = "too young"
    UNDATED = "of unknown age"


@dataclass(frozen=True)
class Choice(Generic[T]):
    """Hold the things that go, and how many stay for each reason."""

    goes: tuple[T, ...]
    stays: Counter[Stay]


def choose(things: Iterable[T], judge: Callable[[T], Stay | None]) -> Choice[T]:
    """Choose the things for which ``judge`` names no reason to stay."""
    judged = [(one, judge(one)) for one in things]
    return Choice(
        tuple(one for one, reason in judged if reason is None),
        Counter(reason for _, reason in judged if reason is not None),
    )


@dataclass(frozen=True)
class Item:
    """Hold one thing that goes. ``bytes``: the bytes that only it, or an item after it, holds."""

    kind: Kind
    name: str
    bytes: int


@dataclass(frozen=True)
class Doomed:
    """Hold an item and the call that removes it.

    The call raises SlipwayError or OSError, and returns a reason when the thing must stay after all.
    """

    item: Item
    remove: Callable[[], str | None]


@dataclass(frozen=True)
class Outcome:
    """Hold the end of an item. ``stays``: the reason for which it stays; ``error``: the failure of its removal."""

    item: Item
    stays: str = ""
    error: str = ""

    @property
    def is_removed(self) -> bool:
        return not (self.stays or self.error)

    def as_json(self) -> dict[str, Any]:
        return {**vars(self.item), "removed": self.is_removed, "stays": self.stays, "error": self.error}


def seconds_since_1970(time: str) -> float:
    """Convert a time as engines and registries write it (RFC 3339, UTC, nanoseconds); 0 for any other text."""
    try:
        return datetime.fromisoformat(f"{time[:19]}+00:00").timestamp()
    except ValueError:
        return 0.0


def sums(items: Sequence[Item]) -> dict[Kind, tuple[int, int]]:
    """Return the number of items of each kind, and their bytes, without zeroes."""
    found = {kind: [item.bytes for item in items if item.kind is kind] for kind in Kind}
    return {kind: (len(sizes), sum(sizes)) for kind, sizes in found.items() if sizes}
