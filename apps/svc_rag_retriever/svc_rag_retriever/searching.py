"""A snapshot of the index made searchable: by meaning (vectors), by word (BM25), and by both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

import numpy as np
from rank_bm25 import BM25Plus

from ragkit.passages import Passage
from ragkit.protocol import Index, PassageId, Snapshot
from ragkit.vectors import Vectors
from svc_rag_retriever.fusion import fuse, ranks
from svc_rag_retriever.words import words_of

#: How deep each ranking is looked into before the two are made one.
_DEPTH = 50


@dataclass(frozen=True)
class Ranked:
    """Where one ranking puts a passage, from 1, and that ranking's own score."""

    rank: int
    score: float


@dataclass(frozen=True)
class Hit:
    """``dense`` scores are cosines, ``bm25`` scores BM25+; None where a ranking does not name the passage."""

    passage: Passage
    score: float
    dense: Ranked | None
    bm25: Ranked | None


class ByWord:
    """BM25+ over the passages. (Okapi's BM25 gives a word in half of few passages no weight at all.)"""

    def __init__(self, passages: Mapping[PassageId, Passage]) -> None:
        self._ids = list(passages)
        self._scorer = BM25Plus([words_of(passage.searchable) for passage in passages.values()]) if passages else None

    def best(self, query: str, count: int) -> list[tuple[PassageId, float]]:
        """The passages that hold a word of ``query``, best first."""
        words = words_of(query)
        if self._scorer is None or not words:
            return []
        scores = self._scorer.get_scores(words)
        # BM25+ gives every passage this much, whether it holds the words or not.
        scores = scores - sum(self._scorer.idf.get(word, 0.0) for word in words) * self._scorer.delta
        order = np.argsort(-scores, kind="stable")[:count]
        return [(self._ids[position], float(scores[position])) for position in order if scores[position] > 1e-9]


@dataclass(frozen=True)
class Searcher:
    snapshot: Snapshot
    by_word: ByWord

    def search(self, query: str, vector: Vectors, count: int) -> list[Hit]:
        """The ``count`` best passages for ``query``, whose vector (shape: 384) is ``vector``."""
        depth = max(_DEPTH, 5 * count)
        dense = self.snapshot.nearest(vector, depth)
        bm25 = self.by_word.best(query, depth)
        by_meaning, by_word = ranks(dense), ranks(bm25)
        fused = fuse([[id for id, _ in bm25], [id for id, _ in dense]])
        return [
            Hit(
                self.snapshot.passages[id],
                score,
                Ranked(*by_meaning[id]) if id in by_meaning else None,
                Ranked(*by_word[id]) if id in by_word else None,
            )
            for id, score in fused[:count]
        ]


class Current:
    """The searcher for the index as it is now, made at first use and anew when the index has changed."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._turn = Lock()
        self._searcher: Searcher | None = None

    def searcher(self) -> Searcher:
        """Raises IndexBroken."""
        with self._turn:
            searcher = self._searcher
            if searcher is None or searcher.snapshot.generation != self._index.generation():
                snapshot = self._index.snapshot()
                searcher = self._searcher = Searcher(snapshot, ByWord(snapshot.passages))
            return searcher
