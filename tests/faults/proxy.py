"""A proxy that makes a registry's connection as bad as wanted: one fault for one request, each hit logged.

    proxy.fail("PUT .*/manifests/", lost())                      the first PUT of a manifest: done, its reply dropped
    proxy.fail("PATCH ", status(503), after=2, times=3)          the third to fifth PATCH

It speaks HTTP/1.1 (kept-alive connections, chunked bodies) and relays whole requests, so the engine and slipway work
through it as they do without. A function of the Exchange decides about a chosen request.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NoReturn

import pytest

#: No client's first message of TLS is larger.
_TLS_HELLO = 1 << 16


class HungUp(Exception):
    """The connection is over, for this request and those that would have followed."""


@dataclass
class Request:
    """As it arrived: its line, the lines of its head; ``bytes`` counts head and what was read of the body."""

    line: str
    head: list[bytes]
    bytes: int = 0

    def __str__(self) -> str:
        return self.line.rpartition(" ")[0]

    def header(self, name: str) -> str:
        return _header(self.head, name.lower().encode()).decode("latin-1")


@dataclass
class Reply:
    """As the registry gave it."""

    status: int
    head: list[bytes]
    body: bytes

    def header(self, name: str) -> str:
        return _header(self.head, name.lower().encode()).decode("latin-1")

    def with_header(self, name: str, value: str) -> Reply:
        kept = [line for line in self.head if not line.lower().startswith(f"{name.lower()}:".encode())]
        return Reply(self.status, [*kept, f"{name}: {value}\r\n".encode()], self.body)


@dataclass
class Fault:
    """``trouble`` for ``times`` requests that match ``pattern``, after ``after`` of them have passed unharmed.

    ``met`` counts what matched, ``struck`` are the requests that it hit.
    """

    pattern: str
    trouble: Trouble
    after: int = 0
    times: int = 1
    met: int = 0
    struck: list[str] = field(default_factory=list)

    def wants(self, request: Request) -> bool:
        """Whether this is one of those; counts it."""
        if not re.search(self.pattern, str(request)):
            return False
        self.met += 1
        return self.after < self.met <= self.after + self.times


class Proxy:
    """Listens on ``address`` and relays to the registry ``to``. ``requests`` are all that came, in order."""

    def __init__(self, to: str) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def fail(self, pattern: str, trouble: Trouble, *, after: int = 0, times: int = 1) -> Fault:
        self.faults.append(Fault(pattern, trouble, after, times))
        return self.faults[-1]

    def asked(self, pattern: str = "") -> list[str]:
        """The requests that match, as ``PUT /v2/…``."""
        return [str(request) for request in self.requests if re.search(pattern, str(request))]

    @property
    def sent(self) -> int:
        """Bytes that clients sent."""
        return sum(request.bytes for request in self.requests)

    def check(self) -> None:
        """A fault that was asked for and never fired proves nothing."""
        idle = [fault.pattern for fault in self.faults if not fault.struck]
        assert not idle, f"never fired: {idle}; asked: {self.asked()}"

    def serve(self, exchange: Exchange) -> None:
        """Answer a request that no fault strikes."""
        exchange.answer(exchange.pass_on())

    def close(self) -> None:
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._open.add(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server: socket.socket | None = None
        try:
            # An engine tries TLS first. With containerd's store it uses plain HTTP only after an answer in plain HTTP.
            if client.recv(1, socket.MSG_PEEK) == b"\x16":
                client.recv(_TLS_HELLO)
                client.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent TLS to a server of plain HTTP.\n")
            else:
                server = socket.create_connection(_host_port(self._to))
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                incoming, outgoing = client.makefile("rb"), server.makefile("rb")
                while True:
                    self._relay(Exchange(client, server, incoming, outgoing))
        except (HungUp, OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._open.discard(client)
            for connection in (client, server):
                if connection:
                    connection.close()

    def _relay(self, exchange: Exchange) -> None:
        with self._lock:
            self.requests.append(exchange.request)
            wanting = [fault for fault in self.faults if fault.wants(exchange.request)]
        if wanting:
            wanting[0].struck.append(str(exchange.request))
            wanting[0].trouble(exchange)
        else:
            self.serve(exchange)
        if exchange.closing:
            raise HungUp


class Exchange:
    """One request and what may be done with it. Raises HungUp when the client has gone."""

    def __init__(self, client: socket.socket, server: socket.socket, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self.client, self._server = client, server
        self._incoming, self._outgoing = incoming, outgoing
        first, *head = _head(incoming)
        self.request = Request(first.decode("latin-1").strip(), head, len(first) + sum(map(len, head)))
        self._first = first
        self._read = False

    @property
    def closing(self) -> bool:
        return _header(self.request.head, b"connection").lower() == b"close"

    def redirect(self, path: str) -> None:
        """Ask the registry for ``path`` instead."""
        method, _, version = self._first.split(b" ")
        self._first = b" ".join([method, path.encode(), version])

    def read(self) -> bytes:
        """The request's body as it stands on the wire."""
        body = b"".join(_body(self._incoming, self.request.head, b"")) if not self._read else b""
        self._read = True
        self.request.bytes += len(body)
        return body

    def pass_on(self) -> Reply:
        """Let the registry do it."""
        self._server.sendall(b"".join([self._first, *self.request.head, b"\r\n", self.read()]))
        first, *head = _head(self._outgoing)
        code = int(first.split()[1])
        silent = self.request.line.startswith("HEAD ") or code in (204, 304)
        body = b"" if silent else b"".join(_body(self._outgoing, head, None))
        return Reply(code, [first, *head], body)

    def answer(self, reply: Reply) -> None:
        self.client.sendall(b"".join([*reply.head, b"\r\n", reply.body]))

    def say(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """An answer that is not the registry's."""
        self.read()
        said = {"Content-Length": str(len(body)), **headers}
        head = [f"HTTP/1.1 {status} Fault\r\n", *(f"{name}: {value}\r\n" for name, value in said.items())]
        self.answer(Reply(status, [line.encode() for line in head], body))

    def swallow(self, count: int) -> None:
        """Read so many bytes of the body, or all of it when it is shorter, and drop them."""
        for piece in _body(self._incoming, self.request.head, b""):
            self.request.bytes += len(piece)
            count -= len(piece)
            if count <= 0:
                return

    def hang_up(self) -> NoReturn:
        """Close in good order (FIN)."""
        self.client.shutdown(socket.SHUT_RDWR)
        raise HungUp

    def reset(self) -> NoReturn:
        """Close with RST."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._incoming.close()
        self.client.close()
        raise HungUp

    def wait_for_end(self) -> NoReturn:
        """Do nothing until the client goes."""
        while True:
            ready, _, _ = select.select([self.client], [], [], 60)
            if ready and not self.client.recv(65536):
                raise HungUp


Trouble = Callable[[Exchange], None]


def delay(seconds: float) -> Trouble:
    """Late, but right."""

    def trouble(exchange: Exchange) -> None:
        time.sleep(seconds)
        exchange.answer(exchange.pass_on())

    return trouble


def not_sent() -> Trouble:
    """The connection ends before the request is passed on."""
    return lambda exchange: exchange.hang_up()


def cut(count: int = 0) -> Trouble:
    """The connection ends after ``count`` bytes of the request's body."""

    def trouble(exchange: Exchange) -> None:
        exchange.swallow(count)
        exchange.hang_up()

    return trouble


def reset() -> Trouble:
    """RST instead of a reply; the request is not passed on."""
    return lambda exchange: exchange.reset()


def half_close() -> Trouble:
    """The server's side ends, the client's stays open: no reply comes, and no error either."""

    def trouble(exchange: Exchange) -> None:
        exchange.client.shutdown(socket.SHUT_WR)
        exchange.wait_for_end()

    return trouble


def hang() -> Trouble:
    """The connection stays, and nothing comes."""
    return lambda exchange: exchange.wait_for_end()


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Trouble:
    """Answered by the proxy; the request is not passed on."""
    return lambda exchange: exchange.say(code, headers or {}, body)


def lost() -> Trouble:
    """Done, but the reply is dropped."""

    def trouble(exchange: Exchange) -> None:
        exchange.pass_on()
        exchange.hang_up()

    return trouble


def cut_reply(count: int = 1) -> Trouble:
    """The head says how long the reply is; ``count`` bytes of it come, then the end."""

    def trouble(exchange: Exchange) -> None:
        reply = exchange.pass_on()
        exchange.answer(Reply(reply.status, reply.head, reply.body[:count]))
        exchange.hang_up()

    return trouble


def truncated(count: int = 1) -> Trouble:
    """A well-formed reply, with only the first ``count`` bytes of the body."""

    def trouble(exchange: Exchange) -> None:
        reply = exchange.pass_on()
        short = Reply(reply.status, reply.head, reply.body[:count]).with_header("Content-Length", str(count))
        exchange.answer(short)

    return trouble


def wrong_digest(digest: str) -> Trouble:
    """The reply says that it is about other content."""
    return lambda exchange: exchange.answer(exchange.pass_on().with_header("Docker-Content-Digest", digest))


def _host_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def _head(file: BinaryIO) -> list[bytes]:
    """The lines of a head without the empty one."""
    lines: list[bytes] = []
    while (line := file.readline()) not in (b"\r\n", b"\n"):
        if not line:
            raise HungUp
        lines.append(line)
    return lines


def _header(head: Sequence[bytes], name: bytes) -> bytes:
    lines = (line.partition(b":") for line in head)
    return next((value.strip() for key, _, value in lines if key.strip().lower() == name), b"")


def _body(file: BinaryIO, head: Sequence[bytes], none: bytes | None) -> Iterator[bytes]:
    """The body in pieces, as it stands on the wire. Without a length it is ``none``, or (None) all until the end."""
    if _header(head, b"transfer-encoding").lower() == b"chunked":
        while True:
            size = file.readline()
            count = int(size.partition(b";")[0], 16)
            yield size
            yield _exactly(file, count + 2)
            if not count:
                return
    elif length := _header(head, b"content-length"):
        left = int(length)
        while left:
            piece = _exactly(file, min(left, 65536))
            left -= len(piece)
            yield piece
    else:
        yield file.read() if none is None else none


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise HungUp
    return data


@pytest.fixture
def proxy(registry: str) -> Iterator[Proxy]:
    """Before the tests' registry. The test fails when a fault that it asked for never fired."""
    made = Proxy(registry)
    try:
        yield made
        made.check()
    finally:
        made.close()
