"""The index as both services see it, whatever keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ragkit.passages import Document, Listed, Passage, Stats
from ragkit.vectors import Vectors

PassageId = int | str


class IndexBroken(Exception):
    """What the index keeps does not fit together; the message says what and where."""


class Snapshot(Protocol):
    """The index at one generation."""

    @property
    def generation(self) -> int: ...

    @property
    def passages(self) -> Mapping[PassageId, Passage]: ...

    def nearest(self, vector: Vectors, count: int) -> list[tuple[PassageId, float]]:
        """The ``count`` passages nearest to ``vector`` (shape: 384) with their cosine, nearest first."""
        ...


class Index(Protocol):
    """Passages by document. Changes come from one indexer, readers may be many."""

    def check(self) -> None:
        """Raise when the index cannot be read. Cheap however large it is; writes nothing."""
        ...

    def generation(self) -> int:
        """Goes up with every change; cheap to ask. 0 before the first."""
        ...

    def replace(self, document: Document, passages: Sequence[Passage], vectors: Vectors) -> None:
        """Keep ``document``, in place of what was kept under its id. ``vectors`` has a row per passage."""
        ...

    def remove(self, document_id: str) -> bool:
        """Whether there was such a document; it is gone now."""
        ...

    def documents(self) -> list[Listed]:
        """By id."""
        ...

    def stats(self) -> Stats: ...

    def snapshot(self) -> Snapshot: ...
