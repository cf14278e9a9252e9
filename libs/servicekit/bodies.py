"""Limit the size and the time of request bodies, and accept only JSON as RFC 8259 defines it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit.json_bodies import TooManyValues, parse
from servicekit.media_types import is_json

#: Large enough for a million characters: escaped in JSON, each takes at most twelve bytes.
LARGEST = 16 << 20
#: In seconds. Without a limit, a client that stops in the middle of a body keeps its connection for ever.
SLOWEST = 300.0
#: In seconds: a body that sends nothing for this time has stalled.
LONGEST_PAUSE = 30.0
_DRAINED = 64 << 20
_DRAIN_PAUSE = 2.0


class BodyLimit:
    """Answer 413 to a body of more than ``max_bytes`` bytes, 408 to one that is too slow.

    A body arrives within ``max_seconds``, and each piece of it within ``max_pause`` seconds.

    The ASGI middleware counts bytes as they arrive. A chunked body does not announce its length, and a body that
    announces a length may be chunked nevertheless.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, max_seconds: float = SLOWEST, max_pause: float = LONGEST_PAUSE
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._max_pause = max_pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        too_long = announced.isdigit() and int(announced) > self._max_bytes
        until = anyio.current_time() + self._max_seconds
        seen, complete = 0, False

        async def piece() -> Message:
            with _answering_408(self._max_pause, "a body pauses for at most"):
                return await receive()

        async def counted() -> Message:
            nonlocal seen, complete
            message: Message = {"more_body": True} if too_long else await piece()
            complete = not message.get("more_body")
            seen += len(message.get("body", b""))
            if too_long or seen > self._max_bytes:
                if not complete:
                    await drain(piece)
                raise HTTPException(413, f"a body has at most {self._max_bytes} bytes")
            return message

        async def timed() -> Message:
            if complete:
                return await receive()
            with _answering_408(self._max_seconds, "a body arrives within", left=until - anyio.current_time()):
                return await counted()

        await self._app(scope, timed, send)


@contextmanager
def _answering_408(seconds: float, said: str, left: float | None = None) -> Iterator[None]:
    try:
        with anyio.fail_after(seconds if left is None else left):
            yield
    except TimeoutError:
        raise HTTPException(408, f"{said} {seconds:g} s") from None


class StrictRequest(Request):
    """Parse a request's body as strict JSON with a bounded number of values, and answer 422 to more."""

    async def json(self) -> Any:
        try:
            return parse(await self.body())
        except TooManyValues as error:
            raise HTTPException(422, str(error)) from error


class StrictRoute(APIRoute):
    """Pass a StrictRequest to the route's handler, and answer 415 when the route takes JSON and gets another type."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler, takes_json = super().get_route_handler(), self.body_field is not None

        async def strict(request: Request) -> Response:
            if takes_json and not is_json(request):
                await drain(request.receive)
                raise HTTPException(415, "send application/json")
            return await handler(StrictRequest(request.scope, request.receive))

        return strict


async def drain(receive: Receive) -> None:
    """Read the rest of a body and discard it, up to about 64 MiB, or until the client sends nothing for two seconds.

    A client often never sees the answer when its connection closes while it sends.
    """
    seen = 0
    while seen < _DRAINED:
        with anyio.move_on_after(_DRAIN_PAUSE) as waiting:
            message = await receive()
        if waiting.cancelled_caught:
            return
        seen += len(message.get("body", b""))
        if not message.get("more_body"):
            return
