"""Define the index as both services use it, independent of its store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ragkit.passages import Document, Listed, Passage, Stats
from ragkit.vectors import Vectors

PassageId = int | str


class IndexBroken(Exception):
    """Report an index that is inconsistent or cannot be read. The message names the cause and the place."""


class Snapshot(Protocol):
    """Hold the index at one generation."""

    @property
    def generation(self) -> int: ...

    @property
    def passages(self) -> Mapping[PassageId, Passage]: ...

    def nearest(self, vector: Vectors, count: int) -> list[tuple[PassageId, float]]:
        """Return the ``count`` passages nearest to ``vector`` (shape: 384) with their cosines, nearest first."""
        ...


class Index(Protocol):
    """Keep passages by document. One indexer makes changes; any number of readers may read."""

    def check(self) -> None:
        """Raise an exception when the index cannot be read. Writes nothing, and is cheap for an index of any size."""
        ...

    def generation(self) -> int:
        """Return a number that rises with every change, 0 before the first. Cheap."""
        ...

    def replace(self, document: Document, passages: Sequence[Passage], vectors: Vectors) -> None:
        """Keep ``document`` in place of the earlier one with its id. ``vectors`` has a row per passage."""
        ...

    def remove(self, document_id: str) -> bool:
        """Remove a document, and tell whether it existed."""
        ...

    def documents(self) -> list[Listed]:
        """Return the entries of all documents, sorted by id."""
        ...

    def stats(self) -> Stats: ...

    def snapshot(self) -> Snapshot: ...
