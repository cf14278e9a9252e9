"""Limit what a request's body may be: so many bytes, and JSON as RFC 8259 defines it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: A million characters of JSON take at most twelve bytes each, when every one is escaped.
LARGEST = 16 << 20
_DRAINED = 64 << 20


class BodyLimit:
    """ASGI middleware: a body of more than ``max_bytes`` is a 413.

    Bytes are counted as they arrive, for a chunked body announces no length, and one that announces a length may be
    chunked all the same.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        too_long = announced.isdigit() and int(announced) > self._max_bytes
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message: Message = {"more_body": True} if too_long else await receive()
            seen += len(message.get("body", b""))
            if too_long or seen > self._max_bytes:
                if message.get("more_body"):
                    await _drain(receive)
                raise HTTPException(413, f"a body has at most {self._max_bytes} bytes")
            return message

        await self._app(scope, counted, send)


class StrictRequest(Request):
    """A request whose JSON is JSON: no NaN, no Infinity, no half of a surrogate pair, which no answer could repeat."""

    async def json(self) -> Any:
        return orjson.loads(await self.body())


class StrictRoute(APIRoute):
    """A route that gets a StrictRequest."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return strict


async def _drain(receive: Receive) -> None:
    """Read on without keeping: a client that is cut off while it sends often never sees the answer."""
    seen = 0
    while seen < _DRAINED:
        message = await receive()
        seen += len(message.get("body", b""))
        if not message.get("more_body"):
            return
