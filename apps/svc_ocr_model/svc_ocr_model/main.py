"""Serve the model ``ocr-model`` by the Open Inference Protocol V2: REST on uvicorn's port, gRPC beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Annotated

import anyio
from fastapi import FastAPI
from pydantic import Field, PositiveFloat, PositiveInt

from ocrkit.tesseract import languages
from ocrkit.unreadable import Unreadable
from servicekit.app import create_app
from servicekit.parsers import Parsers, ParserSettings
from servicekit.places import Places
from servicekit.settings import load
from svc_ocr_model.grpc_server import serving
from svc_ocr_model.model import SERVER
from svc_ocr_model.reading import Reader
from svc_ocr_model.rest import ERRORS, serve
from svc_ocr_model.service import Read, Service

#: base64 writes three bytes as four.
_BASE64 = 4 / 3
#: A request may hold this many bytes in addition to its images.
_ENVELOPE = 64 << 10
#: gRPC calls that ask for health and metadata beside the inferences.
_PROBES = 8


class Settings(ParserSettings):
    """Hold the settings. ``max_bytes`` and ``max_pages`` are per request, ``max_pixels`` and ``page_seconds`` per page.

    The service reads the images of ``readers`` requests at the same time. It refuses a request immediately when
    ``max_requests`` others have not been answered.
    """

    max_bytes: PositiveInt = 10_000_000
    max_pages: PositiveInt = 10
    max_pixels: PositiveInt = 40_000_000
    page_seconds: PositiveFloat = 30
    body_seconds: PositiveFloat = 30
    readers: PositiveInt = 2
    max_requests: PositiveInt = 32
    language: str = "eng"
    grpc_port: int = 8081
    parse_memory: Annotated[int, Field(ge=64_000_000)] = 800_000_000

    @property
    def max_body(self) -> int:
        return round(self.max_bytes * _BASE64) + _ENVELOPE


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    settings = load(Settings)
    parsers = Parsers(settings.parsing, ["ocrkit.pictures"], raises=[Unreadable])
    turns = anyio.CapacityLimiter(settings.readers)
    pages, pixels = settings.max_pages, settings.max_pixels
    read = Reader(parsers.run, settings.language, pages, pixels, settings.page_seconds, turns)
    return create(settings, read, languages, parsers.lifespan)


def create(
    settings: Settings,
    read: Read,
    installed: Callable[[], Collection[str]],
    parsing: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
) -> FastAPI:
    """Return the service. ``installed`` returns the languages of tesseract, and is called once.

    The context ``parsing`` is open while the service runs.
    """
    known = sorted(installed())

    def knows_its_language() -> None:
        if settings.language not in known:
            raise RuntimeError(f"tesseract does not know {settings.language!r}; it knows {', '.join(known)}")

    service = Service(read, Places(settings.max_requests), knows_its_language)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        address, calls = f"0.0.0.0:{settings.grpc_port}", settings.max_requests + _PROBES
        async with parsing(), serving(service, address, max_bytes=settings.max_body, max_calls=calls):
            yield

    app = create_app(
        SERVER,
        checks={"tesseract": knows_its_language},
        lifespan=lifespan,
        max_body=settings.max_body,
        body_seconds=settings.body_seconds,
        errors=ERRORS,
    )
    serve(app, service)
    return app
