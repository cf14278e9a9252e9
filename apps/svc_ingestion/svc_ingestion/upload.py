"""A document out of a request: the multipart field ``file``, never more than so many bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import HTTPException, Request
from starlette.datastructures import FormData, UploadFile

_ENVELOPE = 64 << 10
_DRAINED = 64 << 20

Receive = Callable[[], Awaitable[Any]]


async def receive_file(request: Request, max_bytes: int) -> tuple[FormData, UploadFile]:
    """The form (to be closed) and its ``file``. Raises HTTPException 413, 415 or 422, each with the reason.

    The body is counted while it arrives, for a chunked one announces no length.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise HTTPException(415, "send multipart/form-data with the document as the field 'file'")
    refusal = HTTPException(413, f"a document has at most {max_bytes} bytes (MAX_BYTES)")
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > max_bytes + _ENVELOPE:
        await _drain(request.receive)
        raise refusal
    counted = Request(request.scope, _counted(request.receive, max_bytes + _ENVELOPE, refusal))
    form = await counted.form(max_files=1, max_fields=10)
    file = form.get("file")
    problem = None
    if not isinstance(file, UploadFile):
        problem = HTTPException(422, "there is no file in the field 'file'")
    elif not file.size:
        problem = HTTPException(422, "the document is empty")
    elif file.size > max_bytes:
        problem = refusal
    if problem or not isinstance(file, UploadFile):
        await form.close()
        raise problem or refusal
    return form, file


def _counted(receive: Receive, most: int, refusal: HTTPException) -> Receive:
    seen = 0

    async def counted() -> Any:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            await _drain(receive)
            raise refusal
        return message

    return counted


async def _drain(receive: Receive) -> None:
    """Read on without keeping: a client that is cut off while it sends often never sees the answer."""
    seen = 0
    while seen < _DRAINED:
        message = await receive()
        seen += len(message.get("body", b""))
        if not message.get("more_body"):
            return
