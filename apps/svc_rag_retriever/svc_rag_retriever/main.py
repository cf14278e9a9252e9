"""HTTP door of svc-rag-retriever: a question in, the passages that answer it out."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field, StringConstraints

from ragkit.embedding import Embedder
from ragkit.index import IndexBroken, open_index
from servicekit.app import create_app
from servicekit.settings import from_environment
from svc_rag_retriever.searching import Current, Hit, Searcher

log = logging.getLogger("svc-rag-retriever")


@dataclass(frozen=True)
class Settings:
    data_dir: str = "/data"
    qdrant_url: str = ""
    qdrant_api_key: str = ""
    qdrant_collection: str = "passages"


class Question(BaseModel):
    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    k: Annotated[int, Field(ge=1, le=50)] = 5


def build(settings: Settings) -> FastAPI:
    index = open_index(
        Path(settings.data_dir),
        qdrant_url=settings.qdrant_url,
        qdrant_key=settings.qdrant_api_key,
        collection=settings.qdrant_collection,
    )
    embedder = Embedder()
    current = Current(index)

    def index_is_whole() -> None:
        current.searcher()

    def searcher_now() -> Searcher:
        try:
            return current.searcher()
        except IndexBroken as error:
            log.exception("the index cannot be read")
            raise HTTPException(503, "the index cannot be read; the service's log says why") from error

    app = create_app("svc-rag-retriever", checks={"index": index_is_whole})

    @app.post("/search")
    def search(question: Question) -> dict[str, object]:
        searcher = searcher_now()
        [vector] = embedder.embed([question.query])
        hits = searcher.search(question.query, vector, question.k)
        return {
            "query": question.query,
            "generation": searcher.snapshot.generation,
            "results": [_as_json(rank, hit) for rank, hit in enumerate(hits, start=1)],
        }

    @app.get("/stats")
    def stats() -> dict[str, object]:
        snapshot = searcher_now().snapshot
        return {"generation": snapshot.generation, "passages": len(snapshot.passages)}

    return app


def _as_json(rank: int, hit: Hit) -> dict[str, object]:
    passage = hit.passage
    return {
        "rank": rank,
        "score": hit.score,
        "dense": asdict(hit.dense) if hit.dense else None,
        "bm25": asdict(hit.bm25) if hit.bm25 else None,
        "document": passage.document,
        "title": passage.title,
        "source": passage.source,
        "position": {**asdict(passage.place), "start": passage.start, "end": passage.end},
        "text": passage.text,
    }


app = build(from_environment(Settings))
