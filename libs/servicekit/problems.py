"""Define the shape of every error: RFC 9457, "Problem Details for HTTP APIs", with the request's id.

    {"title": "Unprocessable Content", "status": 422, "detail": "body.text: Field required", "request_id": "0f3c…"}

``detail`` is always one text for a person. It does not hold the ``input`` that pydantic reports, nor the text of an
unexpected exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from servicekit.bodies import drain
from servicekit.parsers import LimitExceeded
from servicekit.places import RETRY_AFTER, Busy
from servicekit.requestid import request_id

MEDIA_TYPE = "application/problem+json"
#: nginx's status for a request whose client closed the connection. Only the log and the metrics have it.
CLIENT_LEFT = 499
#: An error names at most this many mistakes of a request.
_TOLD = 20


class Problem(BaseModel):
    """An error as a client gets it."""

    title: str
    status: int
    detail: str
    request_id: str


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the answer for an error, with the id of the current request."""
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, request_id=request_id())
    return JSONResponse(told.model_dump(), status_code=status, headers=headers, media_type=MEDIA_TYPE)


@dataclass(frozen=True)
class ErrorShape:
    """Hold the shape of a service's errors.

    ``answer`` makes the answer from the status, the text for a person, and headers. ``described`` describes it in the
    OpenAPI document.
    """

    answer: Callable[[int, str, Mapping[str, str] | None], Response]
    described: dict[str, Any]

    def refusals(self, *statuses: int) -> dict[int | str, dict[str, Any]]:
        """Return ``responses`` of a route, for its OpenAPI document: the statuses of its errors."""
        return {status: {**self.described, "description": HTTPStatus(status).phrase} for status in statuses}


#: The shape of every service that no protocol gives another one.
PROBLEMS = ErrorShape(
    problem, {"description": "An error", "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}
)
refusals = PROBLEMS.refusals


def describe(mistakes: Iterable[Mapping[str, Any]]) -> str:
    """Return pydantic's mistakes as one line: ``body.k: Input should be less than 51``.

    The line does not hold the ``input`` that pydantic reports. It names the first 20 mistakes and counts the others.
    """
    lines = [f"{'.'.join(map(str, mistake['loc'])) or 'input'}: {_reason(mistake)}" for mistake in mistakes]
    more = [f"and {len(lines) - _TOLD} more"] if len(lines) > _TOLD else []
    return "; ".join(lines[:_TOLD] + more)


def handle(app: FastAPI, shape: ErrorShape = PROBLEMS) -> None:
    """Make ``app`` answer every HTTP error, every invalid request and every limit of its work in this shape."""

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        return shape.answer(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        return shape.answer(422, describe(error.errors()), None)

    @app.exception_handler(LimitExceeded)
    def exceeded(request: Request, error: LimitExceeded) -> Response:
        return shape.answer(422, str(error), None)

    @app.exception_handler(Busy)
    async def busy(request: Request, error: Busy) -> Response:
        with suppress(HTTPException):  # the body is also too long, or stalls
            await drain(request.receive)
        return shape.answer(503, str(error), {"Retry-After": str(RETRY_AFTER)})

    @app.exception_handler(ClientDisconnect)
    def left(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=CLIENT_LEFT)


def _reason(mistake: Mapping[str, Any]) -> str:
    if mistake["type"] == "json_invalid":
        return f"not JSON: {mistake.get('ctx', {}).get('error', '')}"
    return str(mistake["msg"])
