"""Hold the passages of the index in memory, ready to be searched, and take in changes one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragkit.passages import Passage
from ragkit.protocol import Changes, Mask, Nearest
from ragkit.vectors import Vectors, highest
from svc_rag_retriever.postings import Postings
from svc_rag_retriever.words import words_of

#: The corpus is compacted when it holds more removed passages than others, and more than these.
_FEW = 1_000


@dataclass(frozen=True)
class Snapshot:
    """Hold the corpus at one generation. Many threads may search it while the corpus takes in a change.

    Every passage has a slot, its number in the order of arrival. Slots are only added, and a snapshot ignores those
    that came after it. ``alive`` is false for passages that were removed.
    """

    generation: int
    alive: Mask
    lengths: NDArray[np.int32]
    passages: Sequence[Passage]
    postings: Postings
    nearest: Nearest

    @property
    def size(self) -> int:
        return int(self.alive.sum())

    def by_meaning(self, vector: Vectors, count: int) -> list[tuple[int, float]]:
        """Return up to ``count`` slots with the cosine of their passages to ``vector``, nearest first."""
        return self.nearest.best(vector, count, self.alive)

    def by_word(self, words: Sequence[str], count: int) -> list[tuple[int, float]]:
        """Return up to ``count`` slots of passages that have one of ``words``, with their BM25 score, best first."""
        scores = self.postings.scores(words, self.alive, self.lengths)
        found = np.flatnonzero(scores)
        return [(int(slot), float(scores[slot])) for slot in found[highest(scores[found], count)]]


class Corpus:
    """Hold the newest snapshot. One thread at a time may call ``follow``, whose cost depends on the changes alone."""

    def __init__(self, nearest: Nearest, *, few: int = _FEW) -> None:
        self._few = few
        self._slots: dict[str, list[int]] = {}
        self._passages: list[Passage] = []
        nobody: Mask = np.zeros(0, dtype=np.bool_)
        self.snapshot = Snapshot(0, nobody, np.zeros(0, dtype=np.int32), self._passages, Postings(), nearest)

    def follow(self, changes: Changes) -> None:
        """Take in the changes: drop all passages of the changed documents, and add those that they have now."""
        before = self.snapshot
        first = len(self._passages)
        words = [words_of(passage.searchable) for passage in changes.passages]
        before.postings.append(first, words)
        before.nearest.append(changes.ids, changes.vectors)
        self._passages += changes.passages
        alive = np.append(before.alive, np.ones(len(words), dtype=np.bool_))
        for document in changes.documents:
            alive[self._slots.pop(document, [])] = False
        for slot, passage in enumerate(changes.passages, start=first):
            self._slots.setdefault(passage.document, []).append(slot)
        lengths = np.append(before.lengths, np.array([len(one) for one in words], dtype=np.int32))
        self.snapshot = Snapshot(changes.generation, alive, lengths, self._passages, before.postings, before.nearest)
        if len(alive) - self.snapshot.size > max(self._few, self.snapshot.size):
            self._compact()

    def _compact(self) -> None:
        """Drop the removed passages from memory. Earlier snapshots keep them until their last search ends."""
        before = self.snapshot
        kept = np.flatnonzero(before.alive)
        self._passages = [before.passages[slot] for slot in kept.tolist()]
        self._slots = {}
        for slot, passage in enumerate(self._passages):
            self._slots.setdefault(passage.document, []).append(slot)
        self.snapshot = Snapshot(
            before.generation,
            np.ones(len(kept), dtype=np.bool_),
            before.lengths[kept],
            self._passages,
            before.postings.only(kept, len(before.alive)),
            before.nearest.only(kept),
        )
