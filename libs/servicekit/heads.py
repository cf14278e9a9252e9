"""Answer HEAD wherever GET is answered, and tell a client that what it has is still current."""

from __future__ import annotations

import anyio
import anyio.lowlevel
from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class AnswerHead:
    """Answer HEAD as GET is answered, without the body: the ASGI middleware ends a route at its first piece."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        scope["method"] = "GET"
        answered = False
        with anyio.CancelScope() as route:

            async def send_head(message: Message) -> None:
                nonlocal answered
                if message["type"] == "http.response.start":
                    await send(message)
                    return
                if not answered:
                    answered = True
                    await send({"type": "http.response.body"})
                    route.cancel()
                await anyio.lowlevel.checkpoint()

            await self._app(scope, receive, send_head)


def not_modified(request: Request, tag: str) -> Response | None:
    """Return the answer 304 when the client's ``If-None-Match`` names the ETag ``tag``, else None."""
    named = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return Response(status_code=304, headers={"ETag": tag}) if tag in named or "*" in named else None
