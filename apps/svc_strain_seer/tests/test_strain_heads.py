"""A head that is too long is refused, before an upload or a page is opened."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send
from svc_strain_seer.heads import LONGEST, ShortHeads


async def shown(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("shown")(scope, receive, send)


def answered(kind: str, **head: Any) -> tuple[str, int]:
    """Return the type and the status of the answer to a request of this kind."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": f"{kind}.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": kind, "method": "GET", "raw_path": b"/", "query_string": b"", "headers": [], **head}
    asyncio.run(ShortHeads(shown)(scope, receive, send))
    return sent[0]["type"], sent[0]["status"]


@pytest.mark.parametrize(("kind", "answer"), [("http", "http.response"), ("websocket", "websocket.http.response")])
@pytest.mark.parametrize("where", ["raw_path", "query_string", "headers"])
def test_a_long_head_is_a_431(kind: str, answer: str, where: str) -> None:
    def status(size: int) -> tuple[str, int]:
        sent = b"x" * size
        return answered(kind, **{where: [(b"x-sent", sent)] if where == "headers" else sent})

    assert status(LONGEST - 100) == (f"{answer}.start", 200)
    assert status(LONGEST + 1) == (f"{answer}.start", 431)
