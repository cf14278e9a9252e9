"""Ask a running Redis in its own protocol."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from typing import BinaryIO
from urllib.parse import urlsplit

from apps.trials.asking import Answer
from slipway.testing.plugin import Container

#: Errors of a Redis that cannot serve the command now. Every other error refuses the command.
_UNABLE = (b"OOM", b"MISCONF", b"NOREPLICAS", b"LOADING", b"BUSY ", b"READONLY")
_DONE, _REFUSED, _NOT_NOW = 200, 400, 503

Command = Sequence[str | bytes]


class RedisClient:
    """Send one command at a time, and turn replies into answers.

    Redis has no statuses: a value is 200, an error 400, and an error of a Redis that cannot serve now 503. A connection
    that Redis closes after bytes that are not a command is 400.
    """

    def __init__(self, container: Container) -> None:
        place = urlsplit(container.url)
        self._socket = socket.create_connection((place.hostname, place.port), timeout=30)
        self._read = self._socket.makefile("rb")

    def ask(self, asked: Command | bytes, seconds: float = 120.0) -> Answer:
        self._socket.settimeout(seconds)
        raw = isinstance(asked, bytes)
        with contextlib.suppress(OSError):  # Redis may answer, and close the connection, before it has read all
            self._socket.sendall(asked if isinstance(asked, bytes) else packed(asked))
            if raw:
                self._socket.shutdown(socket.SHUT_WR)
        try:
            line = self._read.readline()
        except ConnectionResetError:  # the bytes that Redis left unread take its answer along
            if not raw:
                raise
            line = b""
        return Answer(_REFUSED, b"closed the connection") if raw and not line else self._answer(line)

    def close(self) -> None:
        self._socket.close()

    def _answer(self, line: bytes) -> Answer:
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        if line.startswith(b"-"):
            return Answer(_NOT_NOW if line[1:].startswith(_UNABLE) else _REFUSED, line[1:-2])
        return Answer(_DONE, _value(line, self._read))


def packed(words: Command) -> bytes:
    """Return a command in RESP, the protocol of Redis."""
    parts = [word.encode() if isinstance(word, str) else word for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def _value(line: bytes, read: BinaryIO) -> bytes:
    """Return the bytes of a reply that begins with ``line``; those of a list one after another."""
    kind, rest = line[:1], line[1:-2]
    if kind == b"$" and rest != b"-1":
        return read.read(int(rest) + 2)[:-2]
    if kind == b"*":
        return b"".join(_value(read.readline(), read) for _ in range(int(rest)))
    return rest if kind in b"+:" else b""
