"""Define the reasons why a plan takes an action on an image, and the text of each.

The text is for people. A program reads the type, or the ``cause`` in ``plan --json``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from slipway.stack.changes import Change


@dataclass(frozen=True)
class Reason(ABC):
    """Say why the plan takes an action. ``cause`` is the stable name of the kind."""

    cause: ClassVar[str]

    @abstractmethod
    def __str__(self) -> str: ...


@dataclass(frozen=True)
class InEngine(Reason):
    """Say that the engine has the image under its version tag. ``content``: the content tag."""

    content: str
    cause = "in-engine"

    def __str__(self) -> str:
        return f"{self.content} is here"


@dataclass(frozen=True)
class NewVersion(Reason):
    """Say that the engine has the image without its version tag. ``version``: that tag."""

    content: str
    version: str
    cause = "new-version"

    def __str__(self) -> str:
        return f"{self.content} is here, {self.version} is new"


@dataclass(frozen=True)
class InRegistry(Reason):
    """Say that the registry has the image, and the engine does not."""

    content: str
    cause = "in-registry"

    def __str__(self) -> str:
        return f"{self.content} is in the registry"


@dataclass(frozen=True)
class WithoutCache(Reason):
    """Say that the user asked for a build without cache."""

    cause = "no-cache"

    def __str__(self) -> str:
        return "asked for without cache"


@dataclass(frozen=True)
class NotBuilt(Reason):
    """Say that the engine has no image of this name."""

    cause = "not-built"

    def __str__(self) -> str:
        return "not built yet"


@dataclass(frozen=True)
class ContentTagGone(Reason):
    """Say that the engine has an image of these inputs, and not under its content tag."""

    content: str
    cause = "content-tag-gone"

    def __str__(self) -> str:
        return f"{self.content} is gone from the engine"


@dataclass(frozen=True)
class InputsChanged(Reason):
    """Name the inputs that differ from those of the newest image, the most significant first."""

    changes: tuple[Change, ...]
    cause = "inputs-changed"

    def __str__(self) -> str:
        return _first_of([str(change) for change in self.changes])


@dataclass(frozen=True)
class UnknownInputsChanged(Reason):
    """Say that unknown inputs differ from those of the newest image. ``since``: its content tag."""

    since: str
    cause = "unknown-inputs-changed"

    def __str__(self) -> str:
        return f"inputs changed since {self.since}"


@dataclass(frozen=True)
class ModesChanged(Reason):
    """Say that only file modes differ from the newest image.

    ``files``: each file with both modes; empty when slipway does not know them.
    """

    since: str
    files: tuple[str, ...] = ()
    cause = "modes-changed"

    def __str__(self) -> str:
        if not self.files:
            return f"only modes of files differ from {self.since}"
        return f"only modes differ: {_first_of(self.files)}"


@dataclass(frozen=True)
class ParentBuilt(Reason):
    """Name the parent that the plan builds; no other input differs."""

    parent: str
    cause = "parent-built"

    def __str__(self) -> str:
        return f"{self.parent} is built"


@dataclass(frozen=True)
class ParentChanged(Reason):
    """Name the parent that differs and that the plan does not build; no other input differs."""

    parent: str
    cause = "parent-changed"

    def __str__(self) -> str:
        return f"{self.parent} changed"


def _first_of(texts: Sequence[str]) -> str:
    return texts[0] + (f" (+{len(texts) - 1} more)" if len(texts) > 1 else "")
