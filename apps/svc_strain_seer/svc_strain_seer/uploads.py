"""Limit the memory that uploaded files take.

Streamlit limits each file. It keeps all files of a page as long as the page is open, and never counts them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_MB = 1 << 20
_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+")


@dataclass(frozen=True)
class Room:
    """Hold the limits, in bytes: of a ``file``, of the files of a ``page``, and of ``all`` pages together.

    A body that arrives is counted twice as a whole file: it lies in the temporary folder, and then in memory.
    ``seconds`` are those in which a body arrives.
    """

    file: int = 20 * _MB
    page: int = 60 * _MB
    all: int = 240 * _MB
    seconds: float = 60.0

    def refusal(self, kept: Mapping[str, int], arriving: int, page: str) -> tuple[int, str] | None:
        """Return the status and the reason that refuse an upload, or None. ``kept``: the bytes of each page."""
        if kept.get(page, 0) + self.file > self.page:
            return 413, f"a page keeps at most {self.page // _MB} MB of files: open it again"
        if sum(kept.values()) + 2 * self.file * (arriving + 1) > self.all:
            return 503, "other pages keep many files: try again later"
        return None


#: Returns the bytes of the files that each page keeps.
Kept = Callable[[], Mapping[str, int]]


class UploadRoom:
    """Pass an upload on while there is room for it. The class is an ASGI middleware."""

    def __init__(self, app: ASGIApp, kept: Kept, room: Room = Room()) -> None:
        self._app, self._kept, self._room = app, kept, room
        self._arriving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        upload = _UPLOAD.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if not upload:
            await self._app(scope, receive, send)
            return
        if refusal := self._room.refusal(self._kept(), self._arriving, upload[1]):
            status, reason = refusal
            headers = {"Retry-After": "30"} if status == 503 else {}
            await PlainTextResponse(reason, status, headers)(scope, receive, send)
            return
        self._arriving += 1
        try:
            async with asyncio.timeout(self._room.seconds):
                await self._app(scope, receive, send)
        except TimeoutError:
            await PlainTextResponse("the file did not arrive in time", 408)(scope, receive, send)
        finally:
            self._arriving -= 1
