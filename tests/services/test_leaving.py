"""Work for a client ends when the client closes its connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Message

from servicekit.leaving import while_connected


def request(receive: Callable[[], Awaitable[Message]]) -> Request:
    return Request({"type": "http"}, receive)


async def stays() -> Message:
    await anyio.sleep_forever()
    raise AssertionError


async def leaves() -> Message:
    await anyio.sleep(0.01)
    return {"type": "http.disconnect"}


def test_the_result_for_a_client_that_stays_is_returned() -> None:
    async def work() -> int:
        await anyio.sleep(0)
        return 5

    async def main() -> int:
        return await while_connected(request(stays), work)

    assert anyio.run(main) == 5


def test_the_work_for_a_client_that_leaves_is_cancelled() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("cancelled")

    async def main() -> None:
        with anyio.fail_after(5):
            await while_connected(request(leaves), work)

    with pytest.raises(ClientDisconnect):
        anyio.run(main)
    assert ended == ["cancelled"]


def test_an_error_of_the_work_is_raised_as_it_is() -> None:
    async def work() -> None:
        raise ValueError("unreadable")

    async def main() -> None:
        await while_connected(request(stays), work)

    with pytest.raises(ValueError, match="unreadable"):
        anyio.run(main)
