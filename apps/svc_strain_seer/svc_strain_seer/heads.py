"""Refuse a request whose head is too long. uvicorn refuses only the long heads that arrive in several pieces."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

#: In bytes: of the path, the query and the headers.
LONGEST = 16 << 10


class ShortHeads:
    """Pass a request on unless its head is longer than ``LONGEST``. The class is an ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] in ("http", "websocket") and _size(scope) > LONGEST:
            app = PlainTextResponse(f"a head has at most {LONGEST} bytes", 431, {"Connection": "close"})
        await app(scope, receive, send)


def _size(scope: Scope) -> int:
    headers = sum(len(name) + len(value) + len(": \r\n") for name, value in scope["headers"])
    return len(scope["raw_path"]) + len(scope["query_string"]) + headers
