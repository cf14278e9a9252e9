"""Serve svc-rag-retriever over HTTP: a question in, the passages that answer it out."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, PositiveInt, StringConstraints

from ragkit.embedding import Embedder, load_embedder
from ragkit.open import IndexSettings, open_index, report_former_index
from ragkit.protocol import IndexBroken
from servicekit.app import create_app
from servicekit.leaving import while_connected
from servicekit.problems import problem, refusals
from servicekit.queueing import Queue
from servicekit.settings import load
from svc_rag_retriever.answers import Loaded, Results, results_of
from svc_rag_retriever.following import Follower, Loading
from svc_rag_retriever.searching import search

#: A question has at most 2,000 characters.
_MAX_BODY = 64 << 10

log = logging.getLogger("svc-rag-retriever")


class Settings(IndexSettings):
    """Hold the settings. The service runs ``searchers`` searches at the same time; up to ``max_waiting`` more wait.

    An answer ``fits`` when a passage has at least the cosine ``least_cosine`` to the question.
    """

    searchers: PositiveInt = 4
    max_waiting: PositiveInt = 64
    least_cosine: Annotated[float, Field(ge=-1, le=1)] = 0.32


class Question(BaseModel):
    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    k: Annotated[int, Field(ge=1, le=50)] = 5


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    return create(load(Settings))


def create(settings: Settings, embedder: Callable[[], Embedder] = load_embedder) -> FastAPI:
    """Return the service. ``embedder`` is called once."""
    index, model = open_index(settings), embedder()
    follower = Follower(index)
    queue = Queue(settings.searchers, settings.max_waiting)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with follower.running():
            yield

    def find(question: Question) -> Results:
        snapshot = follower.snapshot()
        [vector] = model.embed([question.query])
        answer = search(snapshot, question.query, vector, question.k, settings.least_cosine)
        return results_of(question.query, snapshot.generation, answer)

    checks = {"index": index.check, "loaded": follower.check}
    app = create_app("svc-rag-retriever", checks=checks, lifespan=lifespan, max_body=_MAX_BODY)
    report_former_index(settings)

    @app.exception_handler(IndexBroken)
    def broken(request: Request, error: IndexBroken) -> Response:
        log.error("the index cannot be read", exc_info=error)
        return problem(503, "the index cannot be read; the service's log says why", {"Retry-After": "5"})

    @app.exception_handler(Loading)
    def loading(request: Request, error: Loading) -> Response:
        return problem(503, f"the index is still being read: {error}", {"Retry-After": "1"})

    @app.post("/search", responses=refusals(408, 413, 415, 422, 503))
    async def find_passages(request: Request, question: Question) -> Results:
        """Find the ``k`` passages that answer the question best, by meaning and by word.

        ``fits`` is false when no passage of the index is about the question. ``generation`` is that of the index that
        was searched.
        """

        async def found() -> Results:
            async with queue.turn():
                return await run_in_threadpool(find, question)

        with queue.place():
            return await while_connected(request, found)

    @app.get("/stats", responses=refusals(503))
    def stats() -> Loaded:
        snapshot = follower.snapshot()
        return Loaded(snapshot.generation, snapshot.size)

    return app
