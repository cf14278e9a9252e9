"""Serve svc-rag-indexer over HTTP: documents in, passages and vectors in the index."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import anyio.to_thread
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, PositiveInt, StringConstraints, ValidationError

from ragkit.chunking import cut
from ragkit.embedding import Embedder, load_embedder
from ragkit.open import IndexSettings, open_index
from ragkit.passages import Document
from servicekit.app import create_app
from servicekit.settings import load
from servicekit.upload import ENVELOPE, Upload, describe_body, is_multipart, receive_upload
from svc_rag_indexer.reading import SUFFIXES, read_file, read_plain, suffix_of
from svc_rag_indexer.text import Unreadable

log = logging.getLogger("svc-rag-indexer")


class Settings(IndexSettings):
    max_bytes: PositiveInt = 25_000_000
    max_passages: PositiveInt = 5_000


class Named(BaseModel):
    """Hold the id and the title of a document."""

    id: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""


class Sent(Named):
    """A document sent as JSON."""

    text: str


_BODY = describe_body(("id", "title"), **{"application/json": Sent.model_json_schema()})


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    return create(load(Settings))


def create(settings: Settings, embedder: Callable[[], Embedder] = load_embedder) -> FastAPI:
    """Return the service. ``embedder`` is called once."""
    index, model = open_index(settings), embedder()

    def keep(document: Document) -> int:
        passages = cut(document)
        if len(passages) > settings.max_passages:
            raise HTTPException(422, f"{len(passages)} passages, at most {settings.max_passages} are kept")
        index.replace(document, passages, model.embed([passage.searchable for passage in passages]))
        return len(passages)

    app = create_app("svc-rag-indexer", checks={"index": index.check}, max_body=settings.max_bytes + ENVELOPE)

    @app.post("/documents", status_code=201, openapi_extra=_BODY)
    async def add(request: Request) -> dict[str, object]:
        """Keep a document: a file of a form, or text as JSON; in place of what was kept under its id."""
        try:
            if is_multipart(request):
                async with receive_upload(request, settings.max_bytes) as upload:
                    document = await _document_in(upload)
            else:
                sent = Sent.model_validate_json(await request.body())
                document = read_plain(sent.id, sent.title, sent.text)
        except ValidationError as error:
            raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from error
        except Unreadable as error:
            log.info("a document cannot be read", exc_info=error)
            raise HTTPException(422, str(error)) from error
        kept = await anyio.to_thread.run_sync(keep, document)
        return {"id": document.id, "title": document.title, "source": document.source, "passages": kept}

    @app.get("/documents")
    def documents() -> dict[str, object]:
        return {"documents": [asdict(listed) for listed in index.documents()]}

    @app.delete("/documents/{id:path}", status_code=204)
    def remove(id: str) -> None:
        if not index.remove(id):
            raise HTTPException(404, f"document {id!r} not found")

    @app.get("/stats")
    def stats() -> dict[str, object]:
        return asdict(index.stats())

    return app


async def _document_in(upload: Upload) -> Document:
    """Read the document of an upload. Its id is the field ``id``, else the file's name."""
    if not upload.name:
        raise HTTPException(422, "send the file with its name")
    if suffix_of(upload.name) is None:
        raise HTTPException(415, f"{upload.name}: the name does not end in one of {' '.join(SUFFIXES)}")
    named = Named(id=upload.fields.get("id", "").strip() or upload.name, title=upload.fields.get("title", ""))
    data = await upload.read()
    return await anyio.to_thread.run_sync(read_file, named.id, named.title, upload.name, data)
