"""A wire between slipway and a build host: it counts bytes, and on command is cut or swallows everything."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

_PIECE = 16384


@dataclass
class Fault:
    """``kind``: ``cut`` closes both sides, ``swallow`` keeps the connection and passes nothing on any more, ``do``
    does ``deed`` while bytes go on passing, ``first`` does it before these bytes are passed on.

    It strikes once, when clients have sent ``after`` bytes in all.
    """

    kind: str
    after: int
    deed: Callable[[], object] = lambda: None
    struck: bool = False


class Wire:
    """Listens on ``port`` of loopback and passes each connection on. ``sent``: bytes that clients sent."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._swallowing: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self.port = int(self._listener.getsockname()[1])
        self.connections = 0
        self.sent = 0
        self.faults: list[Fault] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def fail(self, kind: str, *, after: int, deed: Callable[[], object] = lambda: None) -> Fault:
        """``after`` bytes from now on."""
        self.faults.append(Fault(kind, self.sent + after, deed))
        return self.faults[-1]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._hang_up()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                try:
                    host = socket.create_connection(("127.0.0.1", self._to))
                except OSError:  # the host is down: close, and listen for the next attempt
                    client.close()
                    continue
                self._open |= {client, host}
                for source, target, counted in ((client, host, True), (host, client, False)):
                    threading.Thread(target=self._pass, args=(source, target, counted), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_PIECE):
                if counted:
                    self._count(len(data), source, target)
                if source not in self._swallowing:
                    target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _count(self, count: int, client: socket.socket, host: socket.socket) -> None:
        with self._lock:
            self.sent += count
            due = [fault for fault in self.faults if not fault.struck and self.sent >= fault.after]
        for fault in due:
            fault.struck = True
            if fault.kind == "swallow":
                self._swallowing |= {client, host}
            elif fault.kind == "do":
                threading.Thread(target=fault.deed, daemon=True).start()
            elif fault.kind == "first":
                fault.deed()
            else:
                self._hang_up()

    def _hang_up(self) -> None:
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire() -> Iterator[Callable[[int], Wire]]:
    """Makes a Wire to a port; a fault that was asked for and never struck fails the test."""
    made: list[Wire] = []

    def make(to: int) -> Wire:
        made.append(Wire(to))
        return made[-1]

    yield make
    for one in made:
        one.close()
    assert all(fault.struck for one in made for fault in one.faults), "a fault never struck"
