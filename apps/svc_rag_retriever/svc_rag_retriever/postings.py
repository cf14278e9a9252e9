"""Score passages by the words of a question, with lists that grow: no change builds them again."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ragkit.protocol import Mask

#: The parameters k1 and b of BM25: how many uses of a word count, and how much a long passage needs more of them.
_SATURATION, _LENGTH = 1.5, 0.75


class Posting(NamedTuple):
    """Hold the passages that have a word: the first ``size`` columns (slot, number of uses) of ``table``."""

    table: NDArray[np.uint32]
    size: int

    def below(self, slot: int) -> NDArray[np.uint32]:
        """Return the columns of the slots below ``slot``. Slots ascend."""
        return self.table[:, : np.searchsorted(self.table[0, : self.size], slot)]

    def extended(self, entries: Sequence[tuple[int, int]]) -> Posting:
        """Return the posting with more entries. It shares memory with this one, whose columns stay as they are."""
        size, table = self.size + len(entries), self.table
        if size > table.shape[1]:
            table = np.empty((2, max(size, table.shape[1] * 3 // 2)), dtype=np.uint32)
            table[:, : self.size] = self.table[:, : self.size]
        table[:, self.size : size] = np.array(entries, dtype=np.uint32).T
        return Posting(table, size)


_NONE = Posting(np.empty((2, 0), dtype=np.uint32), 0)


class Postings:
    """Map each word to its posting. One thread may add passages while others score."""

    def __init__(self, postings: Mapping[str, Posting] | None = None) -> None:
        self._postings = dict(postings or {})

    def append(self, first: int, passages: Sequence[Sequence[str]]) -> None:
        """Add passages, each as its words. They get the slots from ``first`` on."""
        entries: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for slot, words in enumerate(passages, start=first):
            for word, uses in Counter(words).items():
                entries[word].append((slot, uses))
        for word, more in entries.items():
            self._postings[word] = self._postings.get(word, _NONE).extended(more)

    def only(self, slots: NDArray[np.int64], size: int) -> Postings:
        """Return the postings of these slots of ``size`` alone, numbered from 0 again."""
        numbers = np.full(size, -1, dtype=np.int64)
        numbers[slots] = np.arange(len(slots))
        kept: dict[str, Posting] = {}
        for word, posting in self._postings.items():
            before, uses = posting.below(size)
            now = numbers[before]
            table = np.stack([now, uses])[:, now >= 0].astype(np.uint32)
            if table.size:
                kept[word] = Posting(table, table.shape[1])
        return Postings(kept)

    def scores(self, words: Sequence[str], alive: Mask, lengths: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the BM25 score of each slot: 0 without a word of the question, and for slots that are not ``alive``.

        A word that n of N passages have weighs log((N + 1) / n), as in BM25+. Okapi's weight is 0 for a word that is in
        half of a few passages. ``lengths`` are the passages' numbers of words.
        """
        scores = np.zeros(len(alive))
        passages = int(alive.sum())
        mean = float(lengths[alive].mean()) if passages else 0.0
        for word, times in Counter(words).items():
            columns = self._postings.get(word, _NONE).below(len(alive))
            slots, uses = columns[:, alive[columns[0]]]
            if len(slots):
                weight = times * math.log((passages + 1) / len(slots))
                long = _SATURATION * (1 - _LENGTH + _LENGTH * lengths[slots] / mean)
                scores[slots] += weight * uses * (_SATURATION + 1) / (long + uses)
        return scores
