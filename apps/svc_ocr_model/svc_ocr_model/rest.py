"""Serve the Open Inference Protocol V2 over REST. Every error is ``{"error": "…"}``, as the protocol says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import Depends, FastAPI, HTTPException, Request, Response

from ocrkit.unreadable import Unreadable
from servicekit.leaving import while_connected
from servicekit.problems import ErrorShape
from servicekit.requestid import request_id
from svc_ocr_model.messages import (
    BINARY_EXTENSION,
    InferenceResponse,
    answer_of,
    parse_request,
    request_of,
    request_schema,
)
from svc_ocr_model.metadata import ModelMetadata, ModelReady, ServerLive, ServerMetadata, ServerReady
from svc_ocr_model.model import IMAGE, NAME, OUTPUTS, PLATFORM, SERVER, VERSION, check_name
from svc_ocr_model.service import Service
from svc_ocr_model.tensors import Refused, UnknownModel

_MODEL = "/v2/models/{model}"
_JSON = "application/json"


def error(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the protocol's ``$inference_error_response``."""
    return Response(orjson.dumps({"error": reason}), status, headers, _JSON)


_SHAPE = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
    "additionalProperties": False,
}
ERRORS = ErrorShape(error, {"description": "An error", "content": {_JSON: {"schema": _SHAPE}}})


def serve(app: FastAPI, service: Service) -> None:
    """Add the protocol's routes, and the answers to its errors, to ``app``."""

    @app.get("/v2")
    @app.get("/v2/", include_in_schema=False)
    def server_metadata() -> ServerMetadata:
        return ServerMetadata(SERVER, VERSION, extensions=[])

    @app.get("/v2/health/live")
    def server_live() -> ServerLive:
        return ServerLive(live=True)

    @app.get("/v2/health/ready", responses=ERRORS.refusals(503))
    def server_ready() -> ServerReady:
        """Answer 200 when the model can read."""
        _refuse_unready(service)
        return ServerReady(live=True, ready=True)

    for place, known in ((_MODEL, _named), (f"{_MODEL}/versions/{{version}}", _versioned)):
        _serve_model(app, service, place, Depends(known))
    _answer_errors(app)


def _named(model: str) -> None:
    check_name(model)


def _versioned(model: str, version: str) -> None:
    check_name(model, version)


def _serve_model(app: FastAPI, service: Service, place: str, known: Any) -> None:
    """Add the routes of a model at ``place``. The dependency ``known`` refuses another model or version."""

    @app.get(place, dependencies=[known], responses=ERRORS.refusals(404))
    def model_metadata() -> ModelMetadata:
        return ModelMetadata(NAME, [VERSION], PLATFORM, inputs=[IMAGE], outputs=list(OUTPUTS))

    @app.get(f"{place}/ready", dependencies=[known], responses=ERRORS.refusals(404, 503))
    def model_ready() -> ModelReady:
        _refuse_unready(service)
        return ModelReady(NAME, ready=True)

    body = {"required": True, "content": {_JSON: {"schema": request_schema()}}}

    @app.post(
        f"{place}/infer",
        dependencies=[known],
        response_model=InferenceResponse,
        openapi_extra={"requestBody": body},
        responses=ERRORS.refusals(400, 404, 408, 413, 415, 422, 503),
    )
    async def infer(request: Request) -> Response:
        """Read the images of the input ``image``: their texts, and the confidence of each."""
        _refuse_encodings(request)
        with service.places.taken():
            message = parse_request(b"".join([piece async for piece in request.stream()]))
            written, asked = message.content_types(), request_of(message)
            id = request_id() if message.id is None else message.id
            del message
            outputs = await while_connected(request, lambda: service.infer(asked))
        return Response(orjson.dumps(answer_of(outputs, id, written)), media_type=_JSON)


def _refuse_unready(service: Service) -> None:
    if not service.is_ready():
        raise HTTPException(503, "the model is not ready")


def _refuse_encodings(request: Request) -> None:
    if BINARY_EXTENSION in request.headers:
        raise Refused("the binary tensor data extension is not supported: send the data as JSON (binary_data=False)")
    if (encoding := request.headers.get("content-encoding", "identity")) != "identity":
        raise HTTPException(415, f"the body is compressed ({encoding[:20]}): send plain JSON")


def _answer_errors(app: FastAPI) -> None:
    statuses: dict[type[Exception], int] = {Refused: 400, UnknownModel: 404, Unreadable: 422}
    for kind, status in statuses.items():

        @app.exception_handler(kind)
        def refused(request: Request, reason: Exception, status: int = status) -> Response:
            return error(status, str(reason))
