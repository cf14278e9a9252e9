"""End the work for a client that closed its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from fastapi import Request
from starlette.requests import ClientDisconnect

T = TypeVar("T")


async def while_connected(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """Return the result of ``work``, which is cancelled when the client closes its connection.

    Call it after the whole body was read. Raises ClientDisconnect.
    """
    with anyio.CancelScope() as scope:
        watcher = asyncio.ensure_future(_cancel_when_left(request, scope))
        try:
            return await work()
        finally:
            watcher.cancel()
    raise ClientDisconnect


async def _cancel_when_left(request: Request, scope: anyio.CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
