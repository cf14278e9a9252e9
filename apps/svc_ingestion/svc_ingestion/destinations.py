"""Deliver documents to a service over HTTP, or to the subscribers of a NATS subject."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Protocol

import httpx
import nats
import orjson

from servicekit.outgoing import http_client
from svc_ingestion.contents import PIECE
from svc_ingestion.delivery import Arrived, Away, Crashed, Outcome, Unreached, judge
from svc_ingestion.documents import Document

LONGEST_RESULT = 4 << 20

log = logging.getLogger("destination")


class Destination(Protocol):
    def send(self, document: Document, content: Iterator[bytes]) -> Outcome:
        """Try once to deliver the document. Raises nothing that the network or the receiver can cause.

        Clients see the outcome's reason. It holds no address and no exception's text, which the log has.
        """
        ...


class HttpDestination:
    """Send the document with ``POST url``, as the multipart field ``file``.

    A JSON reply of at most LONGEST_RESULT bytes is the result. HTTPS_PROXY and NO_PROXY hold for an https:// URL
    (``servicekit.outgoing``).
    """

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url
        self._client = http_client(url, seconds)

    def send(self, document: Document, content: Iterator[bytes]) -> Outcome:
        with SpooledTemporaryFile(max_size=1 << 20) as file:
            for piece in content:
                file.write(piece)
            file.seek(0)
            try:
                sent = {"file": (document.name, file, document.media_type)}
                with self._client.stream("POST", self._url, files=sent) as reply:
                    return _outcome(reply)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
                log.exception("FORWARD_URL was not reached")
                return Away(f"FORWARD_URL was not reached: {type(error).__name__}")
            except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
                log.exception("FORWARD_URL ended the connection")
                return Crashed(f"FORWARD_URL ended the connection: {type(error).__name__}")
            except httpx.HTTPError as error:
                log.exception("FORWARD_URL did not answer")
                return Unreached(f"FORWARD_URL did not answer: {type(error).__name__}")


class NatsDestination:
    """Publish the document's metadata (JSON) on ``subject``. A subscriber gets the bytes from this service.

    "delivered" means that the server has the message. Plain NATS keeps nothing for subscribers that are not connected.
    """

    def __init__(self, url: str, subject: str) -> None:
        self._url, self._subject = url, subject

    def send(self, document: Document, content: Iterator[bytes]) -> Outcome:
        described = {name: value for name, value in document.as_json().items() if name != "delivery"}
        try:
            asyncio.run(asyncio.wait_for(self._publish(json.dumps(described).encode()), timeout=15))
        except (nats.errors.Error, OSError, TimeoutError) as error:
            log.exception("NATS_URL was not reached")
            return Away(f"NATS_URL was not reached: {type(error).__name__}")
        return Arrived({"subject": self._subject})

    async def _publish(self, message: bytes) -> None:
        client = await nats.connect(
            self._url, error_cb=_ignore, allow_reconnect=False, max_reconnect_attempts=1, connect_timeout=5
        )
        try:
            await client.publish(self._subject, message)
            await client.flush(timeout=5)
        finally:
            await client.close()


async def _ignore(error: Exception) -> None:
    """Ignore the error, which the client also raises. The raised one becomes the delivery's reason."""


def _outcome(reply: httpx.Response) -> Outcome:
    """Read at most LONGEST_RESULT bytes of the reply, so that no receiver fills the service's memory."""
    body = bytearray()
    for piece in reply.iter_bytes(PIECE):
        body += piece
        if len(body) > LONGEST_RESULT:
            break
    if not reply.is_success:
        return judge(reply.status_code, body[:300].decode("utf-8", "replace"), reply.headers.get("retry-after"))
    if len(body) > LONGEST_RESULT:
        return Arrived({"omitted": f"the reply had more than {LONGEST_RESULT} bytes"})
    try:
        return Arrived(orjson.loads(body))
    except orjson.JSONDecodeError:
        return Arrived()
