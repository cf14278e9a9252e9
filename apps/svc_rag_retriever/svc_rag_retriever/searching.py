"""Search a snapshot of the index by meaning (vectors), by word (BM25), and by both."""

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

#: The fusion uses at least this many entries of each ranking.
_DEPTH = 50


@dataclass(frozen=True)
class Ranked:
    """Hold the rank of a passage in one ranking, from 1, and that ranking's own score."""

    rank: int
    score: float


@dataclass(frozen=True)
class Hit:
    """Hold a passage that was found, and its fused ``score``.

    The score of ``dense`` is a cosine, that of ``bm25`` is BM25+'s. Each is None when its ranking does not name the
    passage.
    """

    passage: Passage
    score: float
    dense: Ranked | None
    bm25: Ranked | None


class ByWord:
    """Rank passages with BM25+.

    Okapi's BM25 gives no weight to a word that is in half of a few passages.
    """

    def __init__(self, passages: Mapping[PassageId, Passage]) -> None:
        self._ids = list(passages)
        self._scorer = BM25Plus([words_of(passage.searchable) for passage in passages.values()]) if passages else None

    def best(self, query: str, count: int) -> list[tuple[PassageId, float]]:
        """Return up to ``count`` passages that hold a word of ``query``, best first."""
        words = words_of(query)
        if self._scorer is None or not words:
            return []
        scores = self._scorer.get_scores(words)
        # BM25+ adds this much to the score of every passage, with or without the words.
        scores = scores - sum(self._scorer.idf.get(word, 0.0) for word in words) * self._scorer.delta
        order = np.argsort(-scores, kind="stable")[:count]
        return [(self._ids[position], float(scores[position])) for position in order if scores[position] > 1e-9]


@dataclass(frozen=True)
class Searcher:
    snapshot: Snapshot
    by_word: ByWord

    def search(self, query: str, vector: Vectors, count: int) -> list[Hit]:
        """Return the ``count`` best passages for ``query``, whose vector (shape: 384) is ``vector``."""
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
    """Hold the searcher of the current index. It is created at the first use, and again after a change of the index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._turn = Lock()
        self._searcher: Searcher | None = None

    def searcher(self) -> Searcher:
        """Return the searcher of the current index. Raises IndexBroken."""
        with self._turn:
            searcher = self._searcher
            if searcher is None or searcher.snapshot.generation != self._index.generation():
                snapshot = self._index.snapshot()
                searcher = self._searcher = Searcher(snapshot, ByWord(snapshot.passages))
            return searcher
