"""Uploads are refused before their files fill the memory, and while a body does not arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from svc_strain_seer.uploads import Room, UploadRoom

ROOM = Room(file=10, page=30, all=60, seconds=0.05)


@pytest.mark.parametrize(
    ("kept", "arriving", "status"),
    [
        ({}, 0, None),
        ({"a": 20}, 0, None),
        ({"a": 21}, 0, 413),
        ({"a": 10, "b": 30}, 0, None),
        ({"a": 10, "b": 31}, 0, 503),
        ({}, 2, None),
        ({}, 3, 503),
    ],
)
def test_a_file_finds_room_or_is_refused(kept: Mapping[str, int], arriving: int, status: int | None) -> None:
    refusal = ROOM.refusal(kept, arriving, "a")
    assert (refusal[0] if refusal else None) == status


async def read(request: Request) -> Response:
    return Response(await request.body(), 200)


def put(path: str, body: AsyncIterator[bytes] | bytes, kept: Mapping[str, int]) -> httpx.Response:
    routes = [Route("/_stcore/upload_file/{page}/{file}", read, methods=["PUT"]), Route("/x", read, methods=["PUT"])]
    app = UploadRoom(Starlette(routes=routes), lambda: kept, ROOM)

    async def main() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return await client.put(path, content=body)

    return asyncio.run(main())


def test_an_upload_is_passed_on_or_refused_with_a_reason() -> None:
    assert put("/_stcore/upload_file/a/1", b"file", {"b": 10}).content == b"file"
    full = put("/_stcore/upload_file/a/1", b"file", {"a": 30})
    assert (full.status_code, "open it again" in full.text) == (413, True)
    busy = put("/_stcore/upload_file/a/1", b"file", {"b": 60})
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "30")


def test_other_requests_are_passed_on() -> None:
    assert put("/x", b"body", {"a": 60}).content == b"body"


def test_a_body_that_stalls_is_a_408() -> None:
    async def stalls() -> AsyncIterator[bytes]:
        yield b"1;2"
        await asyncio.sleep(10)

    assert put("/_stcore/upload_file/a/1", stalls(), {}).status_code == 408
