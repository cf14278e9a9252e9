"""Hold how a base stands beside its version in the registry."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from slipway.core.reference import Reference

#: The number of changed inputs in a line for the user.
_SHOWN = 8


class State(StrEnum):
    """Name how a base stands beside its version in the registry. ``base-check --json`` prints the values."""

    PUBLISHED = "as published"
    NEW = "not published"
    DRIFTED = "changed"


@dataclass(frozen=True)
class Standing:
    """Hold how one base stands beside its version in the registry.

    ``published``: the input digest of that version; empty when there is none, or when another program built it.
    ``changes``: the inputs that differ, as far as slipway knows them. ``said``: how slipway knows them, or why not.
    ``modes``: only file modes differ.
    """

    image: str
    reference: Reference
    state: State
    planned: str
    published: str = ""
    changes: tuple[str, ...] = ()
    said: str = ""
    modes: bool = False

    def __str__(self) -> str:
        """Return one line for the user about a base that changed."""
        more = [f"{len(self.changes) - _SHOWN} more"] if len(self.changes) > _SHOWN else []
        listed = ", ".join([*self.changes[:_SHOWN], *more])
        said = f" ({self.said})" if listed and self.said else self.said
        return f"{self.image}: {listed}{said}"

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "reference": str(self.reference)}
