"""Search a snapshot of the index by meaning (vectors), by word (BM25), and by both."""

from __future__ import annotations

from dataclasses import dataclass

from ragkit.passages import Passage
from ragkit.vectors import Vectors
from svc_rag_retriever.corpus import Snapshot
from svc_rag_retriever.fusion import fuse, ranks
from svc_rag_retriever.words import identifiers_of, words_of

#: The fusion uses this many entries of each ranking, or as many as the client asks for. Deeper entries add noise: the
#: first of one ranking would come behind passages that both rankings have far below.
_DEPTH = 20


@dataclass(frozen=True)
class Ranked:
    """Hold the rank of a passage in one ranking, from 1, and that ranking's own score."""

    rank: int
    score: float


@dataclass(frozen=True)
class Hit:
    """Hold a passage that was found, and its fused ``score``.

    The score of ``dense`` is a cosine, that of ``bm25`` is BM25's. Each is None when its ranking does not name the
    passage.
    """

    passage: Passage
    score: float
    dense: Ranked | None
    bm25: Ranked | None


@dataclass(frozen=True)
class Answer:
    """Hold the hits, best first. ``fits`` is false when no passage of the index is about the question."""

    hits: list[Hit]
    fits: bool


def search(snapshot: Snapshot, query: str, vector: Vectors, count: int, least_cosine: float) -> Answer:
    """Return the ``count`` best passages for ``query``, whose vector (shape: 384) is ``vector``.

    They fit when one has at least ``least_cosine``, or an identifier of the query, such as ``E-4711``. The fused score
    cannot tell this: the first of a ranking has the same score for every question.
    """
    depth = max(_DEPTH, count)
    dense, bm25 = snapshot.by_meaning(vector, depth), snapshot.by_word(words_of(query), depth)
    fits = any(cosine >= least_cosine for _, cosine in dense) or bool(snapshot.by_word(identifiers_of(query), 1))
    by_meaning, by_word = ranks(dense), ranks(bm25)
    fused = fuse([[slot for slot, _ in bm25], [slot for slot, _ in dense]])
    hits = [
        Hit(
            snapshot.passages[slot],
            score,
            Ranked(*by_meaning[slot]) if slot in by_meaning else None,
            Ranked(*by_word[slot]) if slot in by_word else None,
        )
        for slot, score in fused[:count]
    ]
    return Answer(hits, fits)
