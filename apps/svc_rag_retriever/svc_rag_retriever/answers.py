"""Define the answers, and make them of hits."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ragkit.passages import Place
from svc_rag_retriever.searching import Answer, Hit, Ranked


@dataclass(frozen=True, kw_only=True)
class Position(Place):
    """The characters ``start`` up to ``end`` of the text at a place in a document."""

    start: int
    end: int


@dataclass(frozen=True)
class Result:
    """A passage that was found, with its rank in both rankings (``dense``: by meaning, ``bm25``: by word) and fused."""

    rank: int
    score: float
    dense: Ranked | None
    bm25: Ranked | None
    document: str
    title: str
    source: str
    position: Position
    text: str


@dataclass(frozen=True)
class Results:
    query: str
    generation: int
    fits: bool
    results: list[Result]


@dataclass(frozen=True)
class Loaded:
    """The number of passages that the service has read, and the generation of the index that they are of."""

    generation: int
    passages: int


def results_of(query: str, generation: int, answer: Answer) -> Results:
    results = [_result(rank, hit) for rank, hit in enumerate(answer.hits, start=1)]
    return Results(query, generation, answer.fits, results)


def _result(rank: int, hit: Hit) -> Result:
    passage = hit.passage
    return Result(
        rank=rank,
        score=hit.score,
        dense=hit.dense,
        bm25=hit.bm25,
        document=passage.document,
        title=passage.title,
        source=passage.source,
        position=Position(**asdict(passage.place), start=passage.start, end=passage.end),
        text=passage.text,
    )
