"""Serve documents over HTTP: take them in, keep them and deliver them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt, SecretStr, model_validator

from servicekit.app import create_app
from servicekit.problems import problem
from servicekit.settings import ServiceSettings, load
from servicekit.upload import ENVELOPE, Upload, describe_body, receive_upload
from svc_ingestion.contents import Contents, FolderContents, hash_of
from svc_ingestion.courier import Courier
from svc_ingestion.delivery import Patience
from svc_ingestion.destinations import Destination, HttpDestination, NatsDestination
from svc_ingestion.documents import Delivery, Document, clean_name, media_type
from svc_ingestion.ledger import Ledger

#: The largest integer of SQLite.
_FARTHEST = 2**63 - 1

log = logging.getLogger("svc-ingestion")


class Settings(ServiceSettings):
    """Hold the settings.

    Without FORWARD_URL and NATS_URL, documents wait in the outbox until a client collects them.
    """

    data_dir: Path = Path("/data")
    max_bytes: PositiveInt = 50 << 20
    forward_url: str = ""
    forward_seconds: PositiveFloat = 300
    forward_attempts: PositiveInt = 6
    retry_seconds: NonNegativeFloat = 2
    nats_url: str = ""
    nats_subject: str = "documents.received"
    minio_url: str = ""
    minio_access_key: SecretStr = SecretStr("")
    minio_secret_key: SecretStr = SecretStr("")
    minio_bucket: str = "documents"

    @model_validator(mode="after")
    def one_destination(self) -> Settings:
        """Raise ValueError when both destinations are set, because one delivery has one outcome."""
        if self.forward_url and self.nats_url:
            raise ValueError("FORWARD_URL and NATS_URL are both set; a document is handed on to one of them")
        return self


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    return create(load(Settings))


def create(settings: Settings) -> FastAPI:
    """Return the service. Raises OSError or sqlite3.Error when its stores in DATA_DIR cannot be opened."""
    ledger = Ledger(settings.data_dir / "documents.sqlite")
    contents = open_contents(settings)
    destination = open_destination(settings)
    patience = Patience(settings.forward_attempts, settings.retry_seconds)
    courier = Courier(ledger, contents, destination, patience) if destination else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if courier:
            courier.start()
        yield
        if courier:
            courier.end()

    checks = {"ledger": ledger.check, "contents": contents.check}
    app = create_app("svc-ingestion", checks=checks, lifespan=lifespan, max_body=settings.max_bytes + ENVELOPE)

    def known(document_id: str) -> Document:
        document = ledger.get(document_id)
        if not document:
            raise HTTPException(404, f"document '{document_id}' not found")
        return document

    def keep(upload: Upload) -> tuple[Document, bool]:
        """Keep an upload, and tell whether its document is new.

        The content is stored before the ledger's record, so that a listed document always has its bytes.
        """
        id, size = hash_of(upload.file)
        if found := ledger.get(id):
            return found, False
        contents.put(id, upload.file, size)
        name = clean_name(upload.name)
        received = datetime.now(UTC).isoformat(timespec="milliseconds")
        document = Document(id, name, media_type(upload.media_type, name), size, received)
        if not ledger.add(document):
            return ledger.get(id) or document, False
        if courier:
            courier.call()
        return document, True

    @app.exception_handler(OSError)
    def store_fails(_: Request, error: Exception) -> Response:
        """Answer 503: a full disk, or a MinIO that does not answer, is not a fault of the request."""
        log.error("the store cannot be used", exc_info=error)
        return problem(503, "the store cannot be used; the service's log says why")

    @app.post("/documents", status_code=201, openapi_extra=describe_body())
    async def take_document(request: Request, response: Response) -> dict[str, object]:
        """Multipart field ``file`` → the document's metadata; 200 and ``created: false`` for bytes known already."""
        async with receive_upload(request, settings.max_bytes) as upload:
            document, created = await run_in_threadpool(keep, upload)
        response.status_code = 201 if created else 200
        return document.as_json() | {"created": created}

    @app.get("/documents")
    def list_documents(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100, offset: Annotated[int, Query(ge=0, le=_FARTHEST)] = 0
    ) -> dict[str, object]:
        """List the documents, the newest first."""
        return {"total": ledger.count(), "documents": [entry.as_json() for entry in ledger.newest(limit, offset)]}

    @app.get("/documents/{document_id}")
    def get_document(document_id: str) -> dict[str, object]:
        return known(document_id).as_json()

    @app.get("/documents/{document_id}/content")
    def get_content(document_id: str) -> StreamingResponse:
        """Return the stored bytes, always as a download: a stored page must not run in this service's name."""
        document = known(document_id)
        try:
            pieces = contents.read(document.id)
        except KeyError:
            raise HTTPException(410, f"the content of '{document_id}' is gone from the store") from None
        headers = {
            "Content-Length": str(document.size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "ETag": f'"{document.id}"',
        }
        return StreamingResponse(pieces, media_type=document.media_type, headers=headers)

    @app.post("/documents/{document_id}/delivery", status_code=202)
    def deliver_again(document_id: str) -> dict[str, object]:
        """Hand the document on once more, whatever came of it before."""
        document = known(document_id)
        ledger.record(document.id, Delivery())
        if courier:
            courier.call()
        return replace(document, delivery=Delivery()).as_json()

    @app.get("/outbox")
    def list_outbox(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> dict[str, object]:
        """Documents that wait to be handed on, the longest waiting first."""
        return {"documents": [document.as_json() for document in ledger.pending(limit)]}

    @app.delete("/outbox/{document_id}", status_code=204)
    def collect(document_id: str) -> None:
        """Say that the document was collected; it stays stored, and is delivered."""
        document = known(document_id)
        if courier or document.delivery.state != "pending":
            raise HTTPException(409, f"'{document_id}' does not wait to be collected")
        ledger.record(document.id, Delivery("delivered", attempts=1))

    return app


def open_contents(settings: Settings) -> Contents:
    """Return the bucket in MinIO when MINIO_URL is set, else the folder in DATA_DIR."""
    if settings.minio_url:
        from svc_ingestion.minio_contents import MinioContents

        keys = settings.minio_access_key.get_secret_value(), settings.minio_secret_key.get_secret_value()
        return MinioContents(settings.minio_url, *keys, settings.minio_bucket)
    return FolderContents(settings.data_dir / "contents")


def open_destination(settings: Settings) -> Destination | None:
    """Return the destination of documents, or None when they wait in the outbox."""
    if settings.forward_url:
        return HttpDestination(settings.forward_url, settings.forward_seconds)
    if settings.nats_url:
        return NatsDestination(settings.nats_url, settings.nats_subject)
    return None
