"""Serve svc-rag-retriever over HTTP: a question in, the passages that answer it out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field, StringConstraints

from ragkit.embedding import Embedder, load_embedder
from ragkit.open import IndexSettings, open_index
from ragkit.protocol import IndexBroken
from servicekit.app import create_app
from servicekit.settings import load
from svc_rag_retriever.searching import Current, Hit, Searcher

log = logging.getLogger("svc-rag-retriever")


class Question(BaseModel):
    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    k: Annotated[int, Field(ge=1, le=50)] = 5


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    return create(load(IndexSettings))


def create(settings: IndexSettings, embedder: Callable[[], Embedder] = load_embedder) -> FastAPI:
    """Return the service. ``embedder`` is called once."""
    index, model = open_index(settings), embedder()
    current = Current(index)

    def searcher_now() -> Searcher:
        try:
            return current.searcher()
        except IndexBroken as error:
            log.exception("the index cannot be read")
            raise HTTPException(503, "the index cannot be read; the service's log says why") from error

    app = create_app("svc-rag-retriever", checks={"index": index.check})

    @app.post("/search")
    def search(question: Question) -> dict[str, object]:
        """Find the ``k`` passages that answer the question best, by meaning and by word."""
        searcher = searcher_now()
        [vector] = model.embed([question.query])
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
