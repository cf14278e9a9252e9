"""Answer bytes that are not HTTP in the error shape of the service: uvicorn's own answer is plain text.

``UVICORN_HTTP=servicekit.http_protocol:HttpProtocol`` in the environment makes uvicorn use it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from servicekit.observing import REQUESTS
from servicekit.problems import PROBLEMS, ErrorShape
from servicekit.requestid import HEADER, named, request_id

#: In seconds: the head of a request arrives within this time.
HEAD_SECONDS = 30.0
#: In bytes: the longest head, with its empty line.
LONGEST_HEAD = 16 << 10
#: In seconds. A client that still sends when its connection closes often never sees the answer.
_LINGER = 2.0
#: h11 quotes the line that it cannot read. An answer does not repeat it.
_QUOTED = re.compile(r": b(?:ytearray\(|['\"]).*", re.DOTALL)

log = logging.getLogger("servicekit")


class _ShortHeads(h11.Connection):
    """Refuse a head longer than ``LONGEST_HEAD``. h11 refuses only the long heads that arrive in several pieces."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, LONGEST_HEAD)

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request) and head_size(event) > LONGEST_HEAD:
            raise h11.RemoteProtocolError("the head is too long", error_status_hint=431)
        return event


def head_size(request: h11.Request) -> int:
    """Return the bytes of the request's head, as a client sends it that adds no white space."""
    line = len(b"%b %b HTTP/1.1\r\n" % (request.method, request.target))
    return line + sum(len(name) + len(value) + len(": \r\n") for name, value in request.headers) + len("\r\n")


class HttpProtocol(H11Protocol):
    """Speak HTTP/1.1 as uvicorn does, and answer what no app sees in the shape of the app's errors.

    400 is for bytes that are not a request, 431 for a head that is too long, 501 for an unknown Transfer-Encoding, and
    408 for a head that does not arrive. The connection closes after each of these answers.
    """

    _refused = False
    _head: asyncio.TimerHandle | None = None

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conn = _ShortHeads()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._forget_head()
        elif self._head is None:
            self._await_head()

    def send_400_response(self, msg: str) -> None:
        """Refuse what h11 could not read. uvicorn calls this while it handles h11's error."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        if status == 431:
            self._refuse(status, f"a head has at most {LONGEST_HEAD} bytes")
        else:
            self._refuse(status, f"not a request of HTTP/1.1: {_QUOTED.sub('', str(error or msg))}")

    def _await_head(self) -> None:
        self._head = self.loop.call_later(HEAD_SECONDS, self._end_waiting)

    def _end_waiting(self) -> None:
        """Refuse a head that did not arrive. A connection on which nothing came is closed without an answer."""
        if self.conn.trailing_data[0]:
            self._refuse(408, f"a head arrives within {HEAD_SECONDS:g} s")
        else:
            self.transport.close()

    def _forget_head(self) -> None:
        if self._head:
            self._head.cancel()
            self._head = None

    def _refuse(self, status: int, detail: str) -> None:
        """Answer, unless an answer has begun, and close the connection when the client had time to read it."""
        self._refused = True
        self._forget_head()
        if self.cycle:
            self.cycle.disconnected = True
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        with named(""):
            self.transport.write(self._answer(status, detail))
            log.info("request", extra={"method": "other", "path": "unmatched", "status": status, "detail": detail})
        REQUESTS.labels("other", "unmatched", str(status)).inc()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER, self.transport.close)

    def _answer(self, status: int, detail: str) -> bytes:
        shape: ErrorShape = self.app_state.get("errors", PROBLEMS)
        answer = shape.answer(status, detail, {"Connection": "close", HEADER: request_id()})
        events: list[Any] = [
            h11.Response(status_code=status, headers=answer.raw_headers),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ]
        return b"".join(self.conn.send(event) or b"" for event in events)
