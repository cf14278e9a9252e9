"""Serve ``POST /read``, which answers the text in an image. A model service reads it: KSERVE_URL."""

from __future__ import annotations

import logging
from dataclasses import replace
from http import HTTPStatus

from fastapi import FastAPI, HTTPException, Request
from pydantic import AnyHttpUrl, PositiveFloat, PositiveInt

from ocrkit.kinds import Kind, kind_of
from servicekit.app import create_app
from servicekit.leaving import while_connected
from servicekit.places import RETRY_AFTER, Places
from servicekit.problems import refusals
from servicekit.requestid import request_id
from servicekit.settings import ServiceSettings, load
from servicekit.upload import ENVELOPE, Upload, describe_body, receive_upload
from svc_ocr_gateway.asking import ImageRefused, ModelBusy, ModelDown, ModelFailed, ModelSlow, ModelWrong, ask
from svc_ocr_gateway.inference import Question, Reading

log = logging.getLogger("svc-ocr-gateway")

#: The bytes that tell the kind of an image file.
_HEAD = 16
_STATUSES = {
    ModelSlow: HTTPStatus.GATEWAY_TIMEOUT,
    ModelDown: HTTPStatus.BAD_GATEWAY,
    ModelWrong: HTTPStatus.BAD_GATEWAY,
    ModelBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    ImageRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
}


class Settings(ServiceSettings):
    """Hold the settings. The model service has ``kserve_seconds`` for an answer.

    The gateway refuses a request immediately when ``max_requests`` others have not been answered.
    """

    kserve_url: AnyHttpUrl = AnyHttpUrl("http://ocr-model-service:8080/v2/models/ocr-model/infer")
    kserve_seconds: PositiveFloat = 60
    max_bytes: PositiveInt = 10_000_000
    body_seconds: PositiveFloat = 30
    max_requests: PositiveInt = 32


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    return create(load(Settings))


def create(settings: Settings) -> FastAPI:
    places = Places(settings.max_requests)
    app = create_app("svc-ocr-gateway", max_body=settings.max_bytes + ENVELOPE, body_seconds=settings.body_seconds)

    @app.post("/read", openapi_extra=describe_body(), responses=refusals(400, 408, 413, 415, 422, 502, 503, 504))
    async def read_image(request: Request) -> Reading:
        """Read the image in the multipart field ``file``: its text, and the confidence (0–100) of the reading."""
        try:
            with places.taken():
                async with receive_upload(request, settings.max_bytes) as upload:
                    _check_kind(upload)
                    question = Question(upload.file, upload.size, request_id())
                    url, seconds = str(settings.kserve_url), settings.kserve_seconds
                    reading = await while_connected(request, lambda: ask(url, question, seconds=seconds))
        except ModelFailed as error:
            raise _refusal(error) from error
        return replace(reading, confidence=round(reading.confidence, 1))

    return app


def _check_kind(upload: Upload) -> None:
    """Raise HTTPException 415 for a file that is not an image."""
    kind = kind_of(upload.file.read(_HEAD))
    upload.file.seek(0)
    if kind in (None, Kind.PDF):
        raise HTTPException(415, "the file is not a PNG, JPEG or TIFF")


def _refusal(error: ModelFailed) -> HTTPException:
    """Return the answer for a reading that failed. The log has the cause, with addresses."""
    status = _STATUSES[type(error)]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("no reading", exc_info=error)
    headers = {"Retry-After": str(RETRY_AFTER)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return HTTPException(status, str(error), headers)
