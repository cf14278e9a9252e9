"""Serve svc-rag-indexer over HTTP: documents in, passages and vectors in the index."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import PositiveInt, ValidationError

from ragkit.embedding import Embedder, load_embedder
from ragkit.open import IndexSettings, open_index, report_former_index
from ragkit.passages import Listed, Stats
from ragkit.protocol import IndexBroken, IndexUnwritable
from servicekit.app import create_app
from servicekit.checks import Check, check_room
from servicekit.leaving import while_connected
from servicekit.media_types import is_json, is_multipart
from servicekit.paging import AskedPage
from servicekit.parsers import Parsers, ParserSettings
from servicekit.problems import problem, refusals
from servicekit.queueing import Queue, Turns
from servicekit.settings import load
from servicekit.upload import ENVELOPE, Upload, describe_body, receive_upload
from svc_rag_indexer.answers import DocumentList, KeptDocument
from svc_rag_indexer.embedding import embed_in_turns
from svc_rag_indexer.reading import SUFFIXES, Cut, Invalid, Named, Sent, cut_file, cut_json, suffix_of
from svc_rag_indexer.text import Unreadable

_BODY = describe_body(("id", "title"), **{"application/json": Sent.model_json_schema()})
#: In bytes: a larger file waits longer for its parser.
_PARSED_PER_SECOND = 2_000_000
_LATER = {"Retry-After": "5"}

log = logging.getLogger("svc-rag-indexer")


class Settings(IndexSettings, ParserSettings):
    """Hold the settings. One document is embedded at a time, in turns; up to ``max_waiting`` more wait."""

    max_bytes: PositiveInt = 25_000_000
    max_passages: PositiveInt = 5_000
    max_waiting: PositiveInt = 15


class Parse(Protocol):
    """Run a function of this package with limits, as ``Parsers.run`` does."""

    async def __call__(self, function: Callable[..., Cut], *arguments: Any) -> Cut: ...


@dataclass(frozen=True)
class Job:
    """Hold a call of a function that reads a document of ``size`` bytes."""

    size: int
    function: Callable[..., Cut]
    arguments: tuple[Any, ...]


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    return create(load(Settings))


def create(settings: Settings, embedder: Callable[[], Embedder] = load_embedder, parse: Parse | None = None) -> FastAPI:
    """Return the service. ``embedder`` is called once. ``parse`` replaces the child processes in a test."""
    index, model = open_index(settings), embedder()
    parsers = Parsers(settings.parsing, ["svc_rag_indexer.reading"], raises=[Invalid, Unreadable])
    parse = parse or parsers.run
    queue, readers = Queue(1, settings.max_waiting), Turns(settings.parsers)

    async def keep(job: Job) -> KeptDocument:
        async with readers.taken(job.size / _PARSED_PER_SECOND):
            document, passages = await parse(job.function, *job.arguments)
        vectors = await embed_in_turns(model, [passage.searchable for passage in passages], queue)
        await run_in_threadpool(index.replace, document, passages, vectors)
        return KeptDocument(document.id, document.title, document.source, len(passages))

    checks: dict[str, Check] = {"index": index.check}
    if not settings.qdrant_url:
        checks["room"] = partial(check_room, settings.data_dir)
    app = create_app(
        "svc-rag-indexer", checks=checks, lifespan=parsers.lifespan, max_body=settings.max_bytes + ENVELOPE
    )
    report_former_index(settings)

    @app.exception_handler(IndexUnwritable)
    def unwritable(request: Request, error: IndexUnwritable) -> Response:
        return problem(503, f"the document is not kept: {error}", _LATER)

    @app.exception_handler(IndexBroken)
    def broken(request: Request, error: IndexBroken) -> Response:
        log.error("the index cannot be read", exc_info=error)
        return problem(503, "the index cannot be read; the service's log says why", _LATER)

    @app.post("/documents", status_code=201, openapi_extra=_BODY, responses=refusals(400, 408, 413, 415, 422, 503))
    async def add(request: Request) -> KeptDocument:
        """Keep a document: a file of a form, or text or pages as JSON; in place of what was kept under its id."""
        try:
            with queue.place():
                job = await _received(request, settings)
                return await while_connected(request, partial(keep, job))
        except Invalid as error:
            mistakes = [{**one, "loc": ("body", *one["loc"])} for one in error.args[0]]
            raise RequestValidationError(mistakes) from error
        except Unreadable as error:
            log.info("a document cannot be read", exc_info=error)
            raise HTTPException(422, str(error)) from error

    @app.get("/documents", responses=refusals(422, 503))
    def documents(page: AskedPage) -> DocumentList:
        """List the documents, sorted by id."""
        listed = index.documents(page.limit, page.offset)
        return DocumentList(index.stats().documents, listed)

    @app.get("/documents/{id:path}", responses=refusals(404, 503))
    def document(id: str) -> Listed:
        """Return a document's title, file name, and numbers of passages and characters."""
        listed = index.document(id)
        if listed is None:
            raise HTTPException(404, f"document {id!r} not found")
        return listed

    @app.delete("/documents/{id:path}", status_code=204, responses=refusals(404, 503))
    def remove(id: str) -> None:
        if not index.remove(id):
            raise HTTPException(404, f"document {id!r} not found")

    @app.get("/stats", responses=refusals(503))
    def stats() -> Stats:
        return index.stats()

    return app


async def _received(request: Request, settings: Settings) -> Job:
    """Receive a document. The id of a file is the field ``id``, else the file's name."""
    if is_json(request):
        body = await request.body()
        return Job(len(body), cut_json, (body, settings.max_passages))
    if not is_multipart(request):
        raise HTTPException(415, "send application/json, or multipart/form-data with the file as the field 'file'")
    async with receive_upload(request, settings.max_bytes) as upload:
        named = _named(upload)
        return Job(upload.size, cut_file, (named, upload.name, await upload.read(), settings.max_passages))


def _named(upload: Upload) -> Named:
    if not upload.name:
        raise HTTPException(422, "send the file with its name")
    if suffix_of(upload.name) is None:
        raise HTTPException(415, f"{upload.name}: the name does not end in one of {' '.join(SUFFIXES)}")
    try:
        return Named(id=upload.fields.get("id", "").strip() or upload.name, title=upload.fields.get("title", ""))
    except ValidationError as error:
        raise Invalid(error.errors(include_url=False, include_input=False)) from error
