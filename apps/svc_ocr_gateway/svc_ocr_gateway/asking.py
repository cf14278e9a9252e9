"""Ask the model service over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus

import anyio
import anyio.to_thread
import httpx

from servicekit.outgoing import SOCKET_OPTIONS
from servicekit.requestid import HEADER
from svc_ocr_gateway.inference import Question, Reading, WrongAnswer, reading_of, reason_of

#: An answer of more bytes than this is not the text of a page.
_LONGEST = 8 << 20
_CONNECT_SECONDS = 5.0


class ModelFailed(Exception):
    """Report that there is no reading. Clients see the message, which has no address and no exception's text."""


class ModelDown(ModelFailed):
    """Report that the model service cannot be reached, or broke the connection."""


class ModelSlow(ModelFailed):
    """Report that the model service did not answer in time."""


class ModelBusy(ModelFailed):
    """Report that the model service has too much to do."""


class ModelWrong(ModelFailed):
    """Report an answer that the gateway did not expect."""


class ImageRefused(ModelFailed):
    """Report that the model service cannot read this image, with its reason."""


async def ask(url: str, question: Question, *, seconds: float) -> Reading:
    """Return the reading that ``POST url`` answers within ``seconds``. Raises ModelFailed."""
    try:
        with anyio.fail_after(seconds):
            status, body = await _post(url, question, seconds)
    except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout) as error:
        raise ModelSlow(f"the model service did not answer within {seconds:g} s") from error
    except httpx.TransportError as error:
        raise ModelDown(f"the model service cannot be reached: {type(error).__name__}") from error
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and (reason := reason_of(body)):
        raise ImageRefused(reason)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        raise ModelBusy("the model service is busy")
    if status != HTTPStatus.OK:
        raise ModelWrong(f"the model service answered {status}")
    try:
        return reading_of(body, question.id)
    except WrongAnswer as error:
        raise ModelWrong(f"the model service's answer is wrong: {error}") from error


async def _post(url: str, question: Question, seconds: float) -> tuple[int, bytes]:
    """Return the answer's status and body. Raises ModelWrong for a body that is too long."""
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(question.length),
        "Accept-Encoding": "identity",
        HEADER: question.id,
    }
    timeout = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
    async with (
        httpx.AsyncClient(timeout=timeout, transport=httpx.AsyncHTTPTransport(socket_options=SOCKET_OPTIONS)) as client,
        client.stream("POST", url, content=_sent(question), headers=headers) as answer,
    ):
        body = bytearray()
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > _LONGEST:
                raise ModelWrong(f"the model service's answer has more than {_LONGEST} bytes")
        return answer.status_code, bytes(body)


async def _sent(question: Question) -> AsyncIterator[bytes]:
    """Yield the request. A thread reads the file, which may be on disk."""
    pieces = question.pieces()
    while piece := await anyio.to_thread.run_sync(next, pieces, b""):
        yield piece
