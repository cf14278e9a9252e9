"""Serve documents over HTTP: take them in, keep them and deliver them."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Literal
from urllib.parse import quote

import anyio
import anyio.to_thread
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from servicekit.app import create_app
from servicekit.heads import not_modified
from servicekit.paging import AskedPage
from servicekit.problems import problem, refusals
from servicekit.queueing import Queue
from servicekit.requestid import note
from servicekit.settings import load
from servicekit.upload import ENVELOPE, describe_body, receive_upload
from svc_ingestion.answers import DescribedDocument, DocumentList, Redelivered, TakenDocument
from svc_ingestion.contents import Contents
from svc_ingestion.courier import Courier
from svc_ingestion.documents import Delivery, Document, State
from svc_ingestion.intake import keep
from svc_ingestion.ledger import Ledger
from svc_ingestion.settings import Settings, open_contents, open_destination

_PAUSE = 5.0
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The bytes", "content": {"*/*": {}}},
    304: {"description": "Not Modified"},
}

log = logging.getLogger("svc-ingestion")


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    return create(load(Settings))


def create(settings: Settings) -> FastAPI:
    """Return the service. Raises OSError or sqlite3.Error when its stores in DATA_DIR cannot be opened."""
    ledger, contents = Ledger(settings.data_dir / "documents.sqlite"), open_contents(settings)
    destination = open_destination(settings)
    courier = Courier(ledger, contents, destination, settings.patience, settings.couriers) if destination else None
    queue = Queue(settings.writers, settings.max_waiting)
    # A store that hangs holds these threads and no others.
    writing, reading = anyio.CapacityLimiter(settings.writers), anyio.CapacityLimiter(settings.writers)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_prepare, contents)
            if courier:
                courier.start()
            yield
            if courier:
                await run_in_threadpool(courier.end)
            tasks.cancel_scope.cancel()

    app = create_app(
        "svc-ingestion",
        checks={"ledger": ledger.check, "contents": contents.check},
        lifespan=lifespan,
        max_body=settings.max_bytes + ENVELOPE,
        body_seconds=settings.body_seconds,
    )

    def known(document_id: str) -> Document:
        document = ledger.get(document_id)
        if not document:
            raise HTTPException(404, f"document '{document_id}' not found")
        note(document=document.id)
        return document

    def deliver_soon() -> None:
        if courier:
            courier.call()

    @app.exception_handler(OSError)
    @app.exception_handler(sqlite3.OperationalError)
    def store_fails(_: Request, error: Exception) -> Response:
        """Answer 503: a full disk, or a MinIO that does not answer, is not a fault of the request."""
        log.error("the store cannot be used", exc_info=error)
        return problem(503, "the store cannot be used; the service's log says why")

    @app.post(
        "/documents",
        status_code=201,
        response_model=TakenDocument,
        responses={200: {"model": TakenDocument}, **refusals(400, 408, 413, 415, 422, 503)},
        openapi_extra=describe_body(),
    )
    async def take_document(request: Request, response: Response) -> dict[str, object]:
        """Keep the multipart field ``file``. The answer is 200 and ``created: false`` for bytes that are known.

        A known document whose content is missing or damaged gets its content back: ``healed: true``.
        """
        with queue.place():
            async with receive_upload(request, settings.max_bytes) as upload, queue.turn():
                keeping = partial(keep, upload, ledger, contents)
                kept = await anyio.to_thread.run_sync(keeping, limiter=writing, abandon_on_cancel=True)
        note(document=kept.document.id)
        if kept.created or kept.healed:
            deliver_soon()
        response.status_code = 201 if kept.created else 200
        return kept.document.as_json() | {"created": kept.created, "healed": kept.healed}

    @app.get("/documents", response_model=DocumentList, responses=refusals(422, 503))
    def list_documents(page: AskedPage, state: State | None = None) -> dict[str, object]:
        """List the documents, the newest first; all, or those whose delivery is in a state. Results are left out."""
        found = ledger.newest(page.limit, page.offset, state)
        return {"total": ledger.count(state), "documents": [document.as_entry() for document in found]}

    @app.get("/documents/{document_id}", response_model=DescribedDocument, responses=refusals(404, 503))
    def get_document(document_id: str) -> dict[str, object]:
        """Describe the document, with the result of its delivery."""
        return known(document_id).as_json()

    @app.get(
        "/documents/{document_id}/content",
        response_class=StreamingResponse,
        responses={**_CONTENT, **refusals(404, 410, 503)},
    )
    async def get_content(request: Request, document_id: str) -> Response:
        """Return the stored bytes, always as a download: a stored page must not run in this service's name."""
        document = await run_in_threadpool(known, document_id)
        tag = f'"{document.id}"'
        if current := not_modified(request, tag):
            return current
        try:
            opening = partial(contents.read, document.id, document.size)
            pieces = await anyio.to_thread.run_sync(opening, limiter=reading, abandon_on_cancel=True)
        except KeyError:
            gone = f"the content of '{document_id}' is missing or damaged; send the document again"
            raise HTTPException(410, gone) from None
        headers = {
            "Content-Length": str(document.size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "ETag": tag,
        }
        return StreamingResponse(_in_threads(pieces, reading), media_type=document.media_type, headers=headers)

    @app.post(
        "/documents/{document_id}/delivery",
        status_code=202,
        response_model=DescribedDocument,
        responses=refusals(404, 503),
    )
    def deliver_again(document_id: str) -> dict[str, object]:
        """Deliver the document once more, in whatever state its delivery is."""
        document = known(document_id)
        ledger.record(document.id, Delivery())
        deliver_soon()
        return replace(document, delivery=Delivery()).as_json()

    @app.post("/deliveries", status_code=202, response_model=Redelivered, responses=refusals(422, 503))
    def deliver_all_again(state: Literal[State.FAILED, State.QUARANTINED]) -> dict[str, object]:
        """Deliver every document once more whose delivery failed, or that is quarantined."""
        documents = ledger.deliver_again(state)
        deliver_soon()
        return {"documents": documents}

    @app.get("/outbox", response_model=DocumentList, responses=refusals(422, 503))
    def list_outbox(page: AskedPage) -> dict[str, object]:
        """List the documents whose delivery is pending, the longest waiting first."""
        found = ledger.pending(page.limit, page.offset)
        return {"total": ledger.count(State.PENDING), "documents": [document.as_entry() for document in found]}

    @app.delete("/outbox/{document_id}", status_code=204, responses=refusals(404, 409, 503))
    def collect(document_id: str) -> None:
        """Record that a client collected the document. It stays stored, and is delivered."""
        document = known(document_id)
        if courier or document.delivery.state is not State.PENDING:
            raise HTTPException(409, f"'{document_id}' does not wait to be collected")
        ledger.record(document.id, Delivery(State.DELIVERED, attempts=1))

    return app


async def _prepare(contents: Contents) -> None:
    """Prepare the store, as soon as it answers. Until then, the service is not ready."""
    while True:
        try:
            return await anyio.to_thread.run_sync(contents.prepare, abandon_on_cancel=True)
        except OSError as error:
            log.warning("the store cannot be prepared yet", exc_info=error)
        await anyio.sleep(_PAUSE)


async def _in_threads(pieces: Iterator[bytes], threads: anyio.CapacityLimiter) -> AsyncIterator[bytes]:
    """Yield the pieces, each of which is read in one of ``threads``."""
    while piece := await anyio.to_thread.run_sync(next, pieces, b"", limiter=threads, abandon_on_cancel=True):
        yield piece
