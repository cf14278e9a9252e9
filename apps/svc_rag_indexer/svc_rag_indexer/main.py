"""HTTP door of svc-rag-indexer: documents in, passages and vectors in the index."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import anyio.to_thread
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, StringConstraints, ValidationError
from starlette.datastructures import FormData, UploadFile

from ragkit.chunking import cut
from ragkit.embedding import Embedder
from ragkit.index import open_index
from ragkit.passages import Document
from servicekit.app import create_app
from servicekit.settings import from_environment
from svc_rag_indexer.reading import SUFFIXES, read_file, read_plain, suffix_of
from svc_rag_indexer.text import Unreadable

log = logging.getLogger("svc-rag-indexer")

#: What multipart may add around the file itself.
_MULTIPART_BYTES = 64 * 1024


@dataclass(frozen=True)
class Settings:
    data_dir: str = "/data"
    max_bytes: int = 25_000_000
    max_passages: int = 5_000
    qdrant_url: str = ""
    qdrant_api_key: str = ""
    qdrant_collection: str = "passages"


class Sent(BaseModel):
    """A document sent as JSON."""

    id: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""
    text: str


_FILE_SCHEMA = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "id": {"type": "string"},
        "title": {"type": "string"},
    },
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _FILE_SCHEMA},
            "application/json": {"schema": Sent.model_json_schema()},
        },
    }
}


def build(settings: Settings) -> FastAPI:
    index = open_index(
        Path(settings.data_dir),
        qdrant_url=settings.qdrant_url,
        qdrant_key=settings.qdrant_api_key,
        collection=settings.qdrant_collection,
    )
    embedder = Embedder()

    def keep(document: Document) -> int:
        passages = cut(document)
        if len(passages) > settings.max_passages:
            raise HTTPException(422, f"{len(passages)} passages, at most {settings.max_passages} are kept")
        index.replace(document, passages, embedder.embed([passage.searchable for passage in passages]))
        return len(passages)

    def index_is_whole() -> None:
        index.stats()

    app = create_app("svc-rag-indexer", checks={"index": index_is_whole})

    @app.post("/documents", status_code=201, openapi_extra=_BODY)
    async def add(request: Request) -> dict[str, object]:
        _refuse_long_bodies(request, settings.max_bytes)
        try:
            if request.headers.get("content-type", "").startswith("multipart/form-data"):
                async with request.form(max_files=1, max_fields=8) as form:
                    document = await _document_in(form, settings.max_bytes)
            else:
                sent = Sent.model_validate_json(await request.body())
                document = read_plain(sent.id, sent.title, sent.text)
        except ValidationError as error:
            raise HTTPException(
                422, error.errors(include_url=False, include_context=False, include_input=False)
            ) from error
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
            raise HTTPException(404, f"there is no document {id!r}")

    @app.get("/stats")
    def stats() -> dict[str, object]:
        return asdict(index.stats())

    return app


def _refuse_long_bodies(request: Request, max_bytes: int) -> None:
    announced = request.headers.get("content-length")
    if announced is None:
        raise HTTPException(411, "say how long the body is: Content-Length is missing")
    if int(announced) > max_bytes + _MULTIPART_BYTES:
        raise HTTPException(413, f"{announced} bytes, at most {max_bytes} are read")


async def _document_in(form: FormData, max_bytes: int) -> Document:
    """The document in the field ``file``; its id is the field ``id``, else the file's name."""
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise HTTPException(422, "send the file as the multipart field 'file', with its name")
    if suffix_of(file.filename) is None:
        raise HTTPException(415, f"{file.filename}: the name ends in none of {' '.join(SUFFIXES)}")
    data = await file.read()
    if len(data) > max_bytes:
        raise HTTPException(413, f"{len(data)} bytes, at most {max_bytes} are read")
    id, title = (str(form.get(field) or "").strip() for field in ("id", "title"))
    return await anyio.to_thread.run_sync(read_file, id or file.filename, title, file.filename, data)


app = build(from_environment(Settings))
