"""Read an uploaded file, the multipart field ``file``, and the few short text fields beside it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import PurePath
from typing import Any, BinaryIO

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from starlette import types
from starlette.datastructures import UploadFile

from servicekit.media_types import is_multipart

#: A multipart form may hold this many bytes in addition to the file itself.
ENVELOPE = 64 << 10
_FIELDS = 8
_FIELD_BYTES = 4 << 10
#: In characters: the longest name of a file, and the longest suffix that a shortened name keeps.
_NAME, _SUFFIX = 200, 20
#: In bytes: the last line of a form, with its boundary of at most 70, is found in so many.
_CLOSING = 1000


@dataclass(frozen=True)
class Upload:
    """Hold an uploaded file: ``size`` in bytes, ``file`` at position 0, and the text ``fields``.

    ``name`` and ``media_type`` are the client's claims. The name is clean (``clean_name``), and may be "".
    """

    name: str
    media_type: str
    size: int
    file: BinaryIO
    fields: Mapping[str, str]

    async def read(self) -> bytes:
        """Return all bytes. A thread reads them, because the file may be on disk."""
        return await run_in_threadpool(self.file.read)


def clean_name(name: str | None) -> str:
    """Return the last part of the path that a client sent, or "" when nothing is left of it.

    The name has at most 200 characters, and none that cannot be printed. A longer one keeps its suffix.
    """
    last = re.split(r"[/\\]", name or "")[-1]
    printable = "".join(character for character in last if character.isprintable()).strip()
    suffix = PurePath(printable).suffix
    kept = len(suffix) if len(suffix) <= _SUFFIX else 0
    return printable if len(printable) <= _NAME else printable[: _NAME - kept] + printable[len(printable) - kept :]


@asynccontextmanager
async def receive_upload(request: Request, max_bytes: int) -> AsyncIterator[Upload]:
    """Yield the request's ``file``, and close it at the end.

    Raises HTTPException 400, 413, 415 or 422, each with the reason. The app's ``max_body`` limits the whole form.
    """
    if not is_multipart(request):
        raise HTTPException(415, "send multipart/form-data with the file as the field 'file'")
    ending = _Ending(request.receive)
    received = Request(request.scope, ending.receive)
    async with received.form(max_files=1, max_fields=_FIELDS, max_part_size=_FIELD_BYTES) as form:
        sent = form.get("file")
        if not isinstance(sent, UploadFile):
            cut_off = _closing_line(request) not in ending.seen
            raise HTTPException(422, "the form is cut off" if cut_off else "the field 'file' has no file")
        if not sent.size:
            raise HTTPException(422, "the file is empty")
        if sent.size > max_bytes:
            raise HTTPException(413, f"a file has at most {max_bytes} bytes (MAX_BYTES)")
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        yield Upload(clean_name(sent.filename), sent.content_type or "", sent.size, sent.file, fields)


class _Ending:
    """Keep the last bytes of a body that passes. The parser leaves out a field whose end is missing."""

    def __init__(self, receive: types.Receive) -> None:
        self._receive, self.seen = receive, b""

    async def receive(self) -> types.Message:
        message = await self._receive()
        self.seen = (self.seen + message.get("body", b"")[-_CLOSING:])[-_CLOSING:]
        return message


def _closing_line(request: Request) -> bytes:
    headers = Message()  # EmailMessage raises IndexError for some wrong headers
    headers["Content-Type"] = request.headers["content-type"]
    return f"--{headers.get_boundary('')}--".encode()


def describe_form(fields: Sequence[str] = ()) -> dict[str, Any]:
    """Return the OpenAPI schema of a form with a file and these text fields."""
    properties: dict[str, Any] = {"file": {"type": "string", "format": "binary"}}
    properties |= {name: {"type": "string"} for name in fields}
    return {"type": "object", "required": ["file"], "properties": properties}


def describe_body(fields: Sequence[str] = (), **others: Any) -> dict[str, Any]:
    """Return ``openapi_extra`` of a route that takes this form, or ``others``: media type → schema."""
    content = {"multipart/form-data": {"schema": describe_form(fields)}}
    content |= {kind: {"schema": schema} for kind, schema in others.items()}
    return {"requestBody": {"required": True, "content": content}}
