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

from svc_ingestion.delivery import Arrived, Outcome, Refused, Unreached, judge
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

    A JSON reply of at most LONGEST_RESULT bytes is the result.
    """

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url
        self._client = httpx.Client(timeout=httpx.Timeout(seconds, connect=5))

    def send(self, document: Document, content: Iterator[bytes]) -> Outcome:
        with SpooledTemporaryFile(max_size=1 << 20) as file:
            for piece in content:
                file.write(piece)
            file.seek(0)
            try:
                reply = self._client.post(self._url, files={"file": (document.name, file, document.media_type)})
            except httpx.InvalidURL:
                log.exception("FORWARD_URL is not a URL")
                return Refused("FORWARD_URL is not a URL")
            except httpx.HTTPError as error:
                log.exception("FORWARD_URL was not reached")
                return Unreached(f"FORWARD_URL was not reached: {type(error).__name__}")
        if not reply.is_success:
            return judge(reply.status_code, reply.text[:300], reply.headers.get("retry-after"))
        return Arrived(_result(reply))


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
            return Unreached(f"NATS_URL was not reached: {type(error).__name__}")
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


def _result(reply: httpx.Response) -> object:
    if len(reply.content) > LONGEST_RESULT:
        return {"omitted": f"the reply had {len(reply.content)} bytes"}
    try:
        return reply.json()
    except ValueError:
        return None
