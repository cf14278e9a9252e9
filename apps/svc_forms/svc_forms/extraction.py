"""Request findings from svc-extract over HTTP."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import orjson

from servicekit.outgoing import SOCKET_OPTIONS

_CONNECT_SECONDS = 5.0
#: In bytes. 10,000 findings, the most that a form is filled from, have about 2 MB.
_LARGEST = 8 << 20
#: svc-extract answers these to a text with a mistake of its client, and to more work than it can do now.
_REFUSALS, _BUSY = frozenset((413, 422)), frozenset((429, 503))


class ExtractionFailed(Exception):
    """Report that svc-extract did not answer with findings. ``status`` is that of this service's own answer.

    Clients may see the message, which holds no address and no exception's text. Its cause has both.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Extraction:
    """Ask the svc-extract at ``url``, which answers within ``seconds``, however slowly it sends its answer.

    ``tls`` is made once, because reading the certificates takes longer than the request.
    """

    url: str
    seconds: float
    tls: ssl.SSLContext = field(default_factory=httpx.create_ssl_context)

    async def __call__(self, text: str) -> list[dict[str, Any]]:
        """Return the findings of ``text``. Raises ExtractionFailed."""
        try:
            with anyio.fail_after(self.seconds):
                status, answer = await self._post(text)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise ExtractionFailed(504, f"EXTRACT_URL did not answer within {self.seconds:g} s") from error
        except httpx.HTTPError as error:
            raise ExtractionFailed(502, f"EXTRACT_URL cannot be reached: {type(error).__name__}") from error
        if status in _REFUSALS:
            raise ExtractionFailed(422, f"EXTRACT_URL refuses the text: {status}")
        if status in _BUSY:
            raise ExtractionFailed(503, f"EXTRACT_URL is busy: {status}")
        if status != 200:
            raise ExtractionFailed(502, f"EXTRACT_URL answered {status}")
        return _findings(answer)

    async def _post(self, text: str) -> tuple[int, bytes]:
        """Return the status and the body of the answer."""
        timeout = httpx.Timeout(self.seconds, connect=min(self.seconds, _CONNECT_SECONDS))
        transport = httpx.AsyncHTTPTransport(verify=self.tls, socket_options=SOCKET_OPTIONS)
        headers = {"Accept-Encoding": "identity"}  # a compressed answer could be larger than it looks
        async with (
            httpx.AsyncClient(transport=transport, timeout=timeout) as client,
            client.stream("POST", self.url, json={"text": text}, headers=headers) as reply,
        ):
            body = bytearray()
            async for piece in reply.aiter_raw():
                body += piece
                if len(body) > _LARGEST:
                    raise ExtractionFailed(502, f"EXTRACT_URL answered more than {_LARGEST} bytes")
            return reply.status_code, bytes(body)


def _findings(answer: bytes) -> list[dict[str, Any]]:
    try:
        findings = orjson.loads(answer)["findings"]
    except (ValueError, KeyError, TypeError) as error:
        raise ExtractionFailed(502, "EXTRACT_URL answered no findings") from error
    if not isinstance(findings, list):
        raise ExtractionFailed(502, "EXTRACT_URL answered no findings")
    return findings
