"""Serve ``POST /read``, which reads a page image or a PDF."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

import anyio
import anyio.to_thread
from fastapi import FastAPI, HTTPException, Request
from pydantic import PositiveInt

from ocrkit.kinds import kind_of
from ocrkit.tesseract import languages
from ocrkit.unreadable import Unreadable
from servicekit.app import create_app
from servicekit.settings import ServiceSettings, load
from servicekit.upload import ENVELOPE, describe_body, receive_upload
from svc_ocr.pages import reading_as_json
from svc_ocr.reading import Limits, read

log = logging.getLogger("svc-ocr")


class Settings(ServiceSettings):
    """Hold the settings. The service reads ``readers`` files at the same time; further requests wait."""

    max_bytes: PositiveInt = 25_000_000
    max_pages: PositiveInt = 50
    max_pixels: PositiveInt = 40_000_000
    page_seconds: PositiveInt = 60
    pdf_dpi: PositiveInt = 200
    readers: PositiveInt = 2
    language: str = "eng"


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    return create(load(Settings))


def create(settings: Settings, installed: Callable[[], Collection[str]] = languages) -> FastAPI:
    """Return the service. ``installed`` returns the languages of tesseract, and is called once."""
    known = sorted(installed())
    limits = Limits(settings.max_pages, settings.max_pixels, settings.page_seconds, settings.pdf_dpi)
    turns = anyio.CapacityLimiter(settings.readers)

    def knows_its_language() -> None:
        if settings.language not in known:
            raise RuntimeError(f"tesseract does not know {settings.language!r}; it knows {', '.join(known)}")

    checks = {"tesseract": knows_its_language}
    app = create_app("svc-ocr", checks=checks, max_body=settings.max_bytes + ENVELOPE)

    @app.post("/read", openapi_extra=describe_body())
    async def read_file(request: Request, lang: str = settings.language) -> dict[str, object]:
        """Read the pages of the multipart field ``file``: text, words with boxes, confidence."""
        unknown = [name for name in lang.split("+") if name not in known]
        if unknown:
            raise HTTPException(422, f"lang={lang!r}: {unknown[0]!r} is not installed; {', '.join(known)} are")
        async with receive_upload(request, settings.max_bytes) as upload:
            data = await upload.read()
        kind = kind_of(data)
        if kind is None:
            raise HTTPException(415, "the file is not a PNG, JPEG, TIFF or PDF")
        try:
            pages = await anyio.to_thread.run_sync(read, data, kind, lang, limits, limiter=turns)
        except Unreadable as error:
            log.info("a file cannot be read", exc_info=error)
            raise HTTPException(422, str(error)) from error
        return reading_as_json(pages)

    return app
