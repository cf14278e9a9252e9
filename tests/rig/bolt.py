"""Speak the Bolt protocol 5.6 on loopback as Neo4j does, for its driver. No server of Neo4j is reachable.

The protocol's documents are at https://neo4j.com/docs/bolt/current/. The server does not know Cypher: the function
``answer`` gets each query with its parameters, and returns its rows or raises Failure.
"""

from __future__ import annotations

import socketserver
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import Any, NamedTuple

MAGIC = b"\x60\x60\xb0\x17"
#: 5.6, the last one whose failures have a code and a message alone.
VERSION = bytes([0, 0, 6, 5])
HELLO, GOODBYE, RESET, RUN, BEGIN, COMMIT, ROLLBACK = 0x01, 0x02, 0x0F, 0x10, 0x11, 0x12, 0x13
DISCARD, PULL, LOGON = 0x2F, 0x3F, 0x6A
SUCCESS, RECORD, FAILURE, IGNORED = 0x70, 0x71, 0x7F, 0x7E

Answer = Callable[[str, Mapping[str, Any]], list[list[Any]]]


class Failure(Exception):
    """Answer a query with an error of the server: its code, such as ``Neo.TransientError.General.OutOfMemory``."""


class Structure(NamedTuple):
    """Hold a message, or a value that PackStream encodes as a structure."""

    tag: int
    fields: list[Any]


@contextmanager
def bolt_server(answer: Answer, password: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the server's URL, and the list of the ends of its transactions: "commit" or "rollback"."""
    ends: list[str] = []

    class Connection(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            _serve(self, answer, password, ends)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Connection) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"bolt://127.0.0.1:{server.server_address[1]}", ends
        finally:
            server.shutdown()
            thread.join()


def _serve(connection: socketserver.StreamRequestHandler, answer: Answer, password: str, ends: list[str]) -> None:
    source, sink = connection.rfile, connection.wfile
    if source.read(4) != MAGIC:
        return
    source.read(16)  # the versions that the driver knows
    sink.write(VERSION)
    rows: list[list[Any]] = []
    failed = False
    while message := _received(source):
        tag, fields = message
        if tag == GOODBYE:
            return
        failed = failed and tag != RESET
        if failed:
            _send(sink, IGNORED, {})
            continue
        try:
            if tag in (HELLO, LOGON) and fields[0].get("credentials", password) != password:
                raise Failure("Neo.ClientError.Security.Unauthorized")
            if tag == RUN:
                rows = answer(fields[0], fields[1])
        except Failure as error:
            failed = True
            _send(sink, FAILURE, {"code": str(error), "message": "refused by the test"})
            continue
        if tag == PULL:
            for row in rows:
                _send(sink, RECORD, row)
        ends += {COMMIT: ["commit"], ROLLBACK: ["rollback"]}.get(tag, [])
        _send(sink, SUCCESS, _about(tag, rows))


def _about(tag: int, rows: list[list[Any]]) -> dict[str, Any]:
    if tag == HELLO:
        return {"server": "Neo4j/5.26.0", "connection_id": "bolt-1", "hints": {}}
    if tag == RUN:
        return {"fields": [f"column{place}" for place in range(len(rows[0]) if rows else 0)], "t_first": 0}
    return {"type": "rw", "t_last": 0, "db": "neo4j", "has_more": False} if tag in (PULL, DISCARD) else {}


def _received(source: Any) -> Structure | None:
    """Return the next message, which comes in chunks, each after its length; a length of 0 ends it."""
    data = b""
    while head := source.read(2):
        (length,) = struct.unpack(">H", head)
        if length:
            data += source.read(length)
        elif data:
            message, _ = unpacked(data, 0)
            assert isinstance(message, Structure)
            return message
    return None


def _send(sink: Any, tag: int, field: Any) -> None:
    data = bytes([0xB1, tag]) + packed(field)
    chunks = [data[start : start + 0xFFFF] for start in range(0, len(data), 0xFFFF)]
    sink.write(b"".join(struct.pack(">H", len(chunk)) + chunk for chunk in chunks) + b"\0\0")
    sink.flush()


def packed(value: Any) -> bytes:
    """Return a value in PackStream, with sizes of four bytes."""
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return struct.pack(">Bq", 0xCB, value)
    if isinstance(value, float):
        return struct.pack(">Bd", 0xC1, value)
    if isinstance(value, str):
        return struct.pack(">BI", 0xD2, len(value.encode())) + value.encode()
    if isinstance(value, list | tuple):
        return struct.pack(">BI", 0xD6, len(value)) + b"".join(map(packed, value))
    pairs = [packed(key) + packed(entry) for key, entry in value.items()]
    return struct.pack(">BI", 0xDA, len(pairs)) + b"".join(pairs)


#: Marker → the format of a number, or of a size and the kind that follows.
_NUMBERS = {0xC1: ">d", 0xC8: ">b", 0xC9: ">h", 0xCA: ">i", 0xCB: ">q"}
_SIZES = {
    0xD0: (">B", "text"), 0xD1: (">H", "text"), 0xD2: (">I", "text"),
    0xD4: (">B", "list"), 0xD5: (">H", "list"), 0xD6: (">I", "list"),
    0xD8: (">B", "map"), 0xD9: (">H", "map"), 0xDA: (">I", "map"),
}  # fmt: skip
_SMALL = {0x8: "text", 0x9: "list", 0xA: "map", 0xB: "structure"}


def unpacked(data: bytes, at: int) -> tuple[Any, int]:
    """Return the value in PackStream that begins at ``at``, and where it ends."""
    marker, at = data[at], at + 1
    if marker in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[marker], at
    if marker in _NUMBERS:
        return _number(_NUMBERS[marker], data, at)
    if marker < 0x80 or marker >= 0xF0:
        return marker - (256 if marker >= 0xF0 else 0), at
    if marker in _SIZES:
        size_format, kind = _SIZES[marker]
        size, at = _number(size_format, data, at)
    else:
        size, kind = marker & 0x0F, _SMALL[marker >> 4]
    if kind == "text":
        return data[at : at + size].decode(), at + size
    if kind == "structure":
        tag = data[at]
        fields, at = _several(size, data, at + 1)
        return Structure(tag, fields), at
    if kind == "list":
        return _several(size, data, at)
    flat, at = _several(2 * size, data, at)
    return dict(zip(flat[::2], flat[1::2], strict=True)), at


def _number(form: str, data: bytes, at: int) -> tuple[Any, int]:
    return struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)


def _several(number: int, data: bytes, at: int) -> tuple[list[Any], int]:
    values = []
    for _ in range(number):
        value, at = unpacked(data, at)
        values.append(value)
    return values, at
