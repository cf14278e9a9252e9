"""HTTP door of svc-ocr: ``POST /read`` with a page image or a PDF."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
from fastapi import FastAPI, HTTPException, Request
from starlette.datastructures import UploadFile

from servicekit.app import create_app
from servicekit.settings import from_environment
from svc_ocr.kinds import kind_of
from svc_ocr.pages import reading_as_json
from svc_ocr.reading import Limits, Unreadable, languages, read

log = logging.getLogger("svc-ocr")

#: What multipart may add around the file itself.
_MULTIPART_BYTES = 64 * 1024

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


@dataclass(frozen=True)
class Settings:
    """``readers`` pages are read at once; further requests wait their turn."""

    max_bytes: int = 25_000_000
    max_pages: int = 50
    max_pixels: int = 40_000_000
    page_seconds: int = 60
    pdf_dpi: int = 200
    readers: int = 2
    language: str = "eng"


def build(settings: Settings) -> FastAPI:
    installed = languages()
    limits = Limits(settings.max_pages, settings.max_pixels, settings.page_seconds, settings.pdf_dpi)
    turns = anyio.CapacityLimiter(settings.readers)

    def knows_its_language() -> None:
        if settings.language not in installed:
            raise RuntimeError(f"tesseract lacks {settings.language!r}; it has {_listed(installed)}")

    app = create_app("svc-ocr", checks={"tesseract": knows_its_language})

    @app.post("/read", openapi_extra=_BODY)
    async def read_file(request: Request, lang: str = settings.language) -> dict[str, object]:
        unknown = [name for name in lang.split("+") if name not in installed]
        if unknown:
            raise HTTPException(422, f"lang={lang!r}: {unknown[0]!r} is not installed; {_listed(installed)} are")
        data = await _uploaded(request, settings.max_bytes)
        kind = kind_of(data)
        if kind is None:
            raise HTTPException(415, "the file is no PNG, JPEG, TIFF or PDF")
        try:
            pages = await anyio.to_thread.run_sync(read, data, kind, lang, limits, limiter=turns)
        except Unreadable as error:
            log.info("a file cannot be read", exc_info=error)
            raise HTTPException(422, str(error)) from error
        return reading_as_json(pages)

    return app


async def _uploaded(request: Request, max_bytes: int) -> bytes:
    """The bytes of the multipart field ``file``; a body announced as too large is refused unread."""
    announced = request.headers.get("content-length")
    if announced is None:
        raise HTTPException(411, "say how long the body is: Content-Length is missing")
    if int(announced) > max_bytes + _MULTIPART_BYTES:
        raise HTTPException(413, f"{announced} bytes, at most {max_bytes} are read")
    async with request.form(max_files=1, max_fields=8) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise HTTPException(422, "send the file as the multipart field 'file'")
        data = await file.read()
    if len(data) > max_bytes:
        raise HTTPException(413, f"{len(data)} bytes, at most {max_bytes} are read")
    return data


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


app = build(from_environment(Settings))
