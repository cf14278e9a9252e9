"""Define the index as both services use it, independent of its store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ragkit.passages import Document, Listed, Passage, Stats
from ragkit.vectors import Vectors

PassageId = int | str
#: An entry per slot, true for the slots that count. A passage's slot is its number in the order of arrival, from 0.
Mask = NDArray[np.bool_]

#: A reader takes up about this many passages at a time, so that no step needs much memory or time.
STEP = 1_000


class IndexBroken(Exception):
    """Report an index that is inconsistent or cannot be read. The message names the cause and the place."""


class IndexUnwritable(Exception):
    """Report an index that cannot take a change now. The message names the reason, for a client."""


@dataclass(frozen=True, eq=False)
class Changes:
    """Hold documents that changed since some generation, in the order of the changes up to ``generation``.

    ``passages`` are all passages that the ``documents`` have now: none of a document that was removed. ``ids`` are
    theirs, and ``vectors`` has a row for each, or no rows when the store itself finds the nearest ones. ``complete``
    tells that the index had no later change.
    """

    generation: int
    documents: tuple[str, ...]
    ids: tuple[PassageId, ...]
    passages: tuple[Passage, ...]
    vectors: Vectors
    complete: bool


class Nearest(Protocol):
    """Find the passages whose vectors are nearest to a question's."""

    def append(self, ids: Sequence[PassageId], vectors: Vectors) -> None:
        """Give the next slots to these passages."""
        ...

    def only(self, slots: NDArray[np.int64]) -> Nearest:
        """Return the same search for these slots alone, numbered from 0 again."""
        ...

    def best(self, vector: Vectors, count: int, alive: Mask) -> list[tuple[int, float]]:
        """Return up to ``count`` slots of ``alive`` with their cosines to ``vector`` (shape: 384), nearest first."""
        ...


class Index(Protocol):
    """Keep passages by document. One indexer makes changes; any number of readers may read.

    A document that a call of ``replace`` kept is seen by every later call, of every process.
    """

    def check(self) -> None:
        """Raise an exception when the index cannot be read. Changes nothing, and is cheap for an index of any size."""
        ...

    def generation(self) -> int:
        """Return a number that rises with every change, 0 before the first. Cheap."""
        ...

    def replace(self, document: Document, passages: Sequence[Passage], vectors: Vectors) -> None:
        """Keep ``document`` in place of the earlier one with its id. ``vectors`` has a row per passage.

        Raises IndexUnwritable, and has changed nothing then.
        """
        ...

    def remove(self, document_id: str) -> bool:
        """Remove a document, and tell whether it existed. Raises IndexUnwritable."""
        ...

    def document(self, document_id: str) -> Listed | None:
        """Return the entry of a document, or None when the index does not have it."""
        ...

    def documents(self, limit: int, offset: int = 0) -> list[Listed]:
        """Return the entries of up to ``limit`` documents, sorted by id, after the first ``offset`` ones."""
        ...

    def stats(self) -> Stats: ...

    def changes(self, since: int, at_most: int = STEP) -> Changes:
        """Return the documents that changed after the generation ``since``, those that changed first.

        They have at most ``at_most`` passages together, or are a single document.
        """
        ...

    def nearest(self) -> Nearest:
        """Return a search by vector for this store, without a passage."""
        ...
