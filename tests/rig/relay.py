"""A relay between slipway and an engine or a registry that notes what is asked."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class Relay:
    """Listens on ``address``, records requests, and passes each connection on to a target, or closes it."""

    address: str
    connections: int = 0
    requests: list[str] = field(default_factory=list)

    def asked(self, pattern: str) -> list[str]:
        return [request for request in self.requests if re.search(pattern, request)]


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Callable[..., Relay]]:
    """Make a Relay: ``relay("unix")`` or ``relay("tcp")`` close, ``relay("unix", to=…)`` pass on."""
    listeners: list[socket.socket] = []

    def make(kind: str, to: str = "") -> Relay:
        family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind(str(tmp_path / f"relay{len(listeners)}") if kind == "unix" else ("127.0.0.1", 0))
        listener.listen(64)
        listeners.append(listener)
        name = listener.getsockname()
        made = Relay(f"unix://{name}" if kind == "unix" else f"127.0.0.1:{name[1]}")
        threading.Thread(target=_serve, args=(listener, made, to), daemon=True).start()
        return made

    yield make
    for listener in listeners:
        listener.close()


def _serve(listener: socket.socket, relay: Relay, to: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            relay.connections += 1
            if not to:
                threading.Thread(target=_hear, args=(client, relay), daemon=True).start()
                continue
            server = _connected(to)
            threading.Thread(target=pump, args=(client, server, relay), daemon=True).start()
            threading.Thread(target=pump, args=(server, client, None), daemon=True).start()


def _connected(to: str) -> socket.socket:
    if to.startswith("unix://"):
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.connect(to.removeprefix("unix://"))
        return server
    host, _, port = to.removeprefix("tcp://").rpartition(":")
    return socket.create_connection((host, int(port)))


def _hear(client: socket.socket, relay: Relay) -> None:
    """Note the first request, and close the connection without an answer."""
    client.settimeout(10)
    with contextlib.suppress(OSError), client:
        _note(client.recv(65536), relay)


def _note(data: bytes, relay: Relay) -> None:
    if line := re.match(rb"(?:GET|HEAD|POST|PUT|PATCH|DELETE) \S+ HTTP/1", data):
        relay.requests.append(line[0].decode().rpartition(" ")[0])


def pump(source: socket.socket, sink: socket.socket, relay: Relay | None = None) -> None:
    """Pass on what comes until it ends, and note what is asked."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if relay:
                _note(data, relay)
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
