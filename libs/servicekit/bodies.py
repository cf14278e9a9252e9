"""Limit the size of request bodies, and accept only JSON as RFC 8259 defines it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Large enough for a million characters: escaped in JSON, each takes at most twelve bytes.
LARGEST = 16 << 20
_DRAINED = 64 << 20


class BodyLimit:
    """Answer 413 to a request whose body has more than ``max_bytes`` bytes, as ASGI middleware.

    The middleware counts bytes as they arrive. A chunked body does not announce its length, and a body that announces
    a length may be chunked nevertheless.
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
    """Parse a request's body as strict JSON: no NaN, no Infinity, no half of a surrogate pair.

    No answer could repeat these values.
    """

    async def json(self) -> Any:
        return orjson.loads(await self.body())


class StrictRoute(APIRoute):
    """Pass a StrictRequest to the route's handler."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return strict


async def _drain(receive: Receive) -> None:
    """Read the rest of a body and discard it, up to about 64 MiB.

    A client often never sees the answer when its connection closes while it sends.
    """
    seen = 0
    while seen < _DRAINED:
        message = await receive()
        seen += len(message.get("body", b""))
        if not message.get("more_body"):
            return
