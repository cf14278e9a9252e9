"""Serve ``POST /read``, which reads a page image or a PDF."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Annotated

import anyio.to_thread
import orjson
from fastapi import FastAPI, HTTPException, Query, Request, Response
from pydantic import Field, PositiveFloat, PositiveInt

from ocrkit.kinds import kind_of
from ocrkit.tesseract import languages
from ocrkit.unreadable import Unreadable
from servicekit.app import Lifespan, create_app
from servicekit.leaving import while_connected
from servicekit.parsers import Parsers, ParserSettings
from servicekit.problems import refusals
from servicekit.queueing import Queue
from servicekit.settings import load
from servicekit.upload import ENVELOPE, describe_body, receive_upload
from svc_ocr.answers import Reading, reading_as_json
from svc_ocr.pages import Limits, parse_chosen
from svc_ocr.reading import Reader, Run

log = logging.getLogger("svc-ocr")

_MB = 1_000_000
#: Child processes import these once.
MODULES = ("svc_ocr.pdf", "ocrkit.pictures")


class Settings(ParserSettings):
    """Hold the settings. The service reads ``readers`` pages at the same time.

    It refuses a request immediately when ``readers`` + ``max_waiting`` others have not been answered.
    """

    max_bytes: PositiveInt = 25_000_000
    max_pages: PositiveInt = 50
    max_pixels: PositiveInt = 40_000_000
    max_words: PositiveInt = 10_000
    page_seconds: PositiveInt = 60
    pdf_dpi: PositiveInt = 200
    readers: PositiveInt = 2
    max_waiting: PositiveInt = 8
    language: str = "eng"
    parse_seconds: PositiveFloat = 60
    parse_memory: Annotated[int, Field(ge=64 * _MB)] = 800 * _MB

    @property
    def limits(self) -> Limits:
        return Limits(self.max_pages, self.max_pixels, self.max_words, self.page_seconds, self.pdf_dpi)


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    settings = load(Settings)
    parsers = Parsers(settings.parsing, MODULES, raises=[Unreadable])
    return create(settings, parsers.run, languages(), parsers.lifespan)


def create(settings: Settings, run: Run, installed: Collection[str], lifespan: Lifespan | None = None) -> FastAPI:
    """Return the service. ``run`` runs parsers, ``installed`` are tesseract's languages."""
    known = sorted(installed)
    queue = Queue(settings.readers, settings.max_waiting)
    read = Reader(run, queue.turn, settings.limits)

    def knows_its_language() -> None:
        if settings.language not in known:
            raise RuntimeError(f"tesseract does not know {settings.language!r}; it knows {', '.join(known)}")

    app = create_app(
        "svc-ocr",
        checks={"tesseract": knows_its_language},
        lifespan=lifespan,
        max_body=settings.max_bytes + ENVELOPE,
    )

    @app.post(
        "/read",
        response_model=Reading,
        openapi_extra=describe_body(),
        responses=refusals(400, 408, 413, 415, 422, 503),
    )
    async def read_file(
        request: Request,
        lang: Annotated[str, Query(max_length=100)] = settings.language,
        pages: Annotated[str, Query(max_length=20, description="such as 1-50 or 7; all without")] = "",
    ) -> Response:
        """Read the pages of the multipart field ``file``: text, words with boxes, confidence."""
        unknown = [name for name in lang.split("+") if name not in known]
        if unknown:
            raise HTTPException(422, f"lang={lang!r}: {unknown[0]!r} is not installed; {', '.join(known)} are")
        chosen = parse_chosen(pages)
        if not chosen:
            raise HTTPException(422, f"pages={pages!r}: write the first and the last page, such as 1-50")
        with queue.place():
            async with receive_upload(request, settings.max_bytes) as upload:
                data = await upload.read()
            kind = kind_of(data)
            if kind is None:
                raise HTTPException(415, "the file is not a PNG, JPEG, TIFF or PDF")
            try:
                found = await while_connected(request, lambda: read(data, kind, lang, chosen))
            except Unreadable as error:
                log.info("a file cannot be read", exc_info=error)
                raise HTTPException(422, str(error)) from error
        answer = await anyio.to_thread.run_sync(lambda: orjson.dumps(reading_as_json(found)))
        return Response(answer, media_type="application/json")

    return app
