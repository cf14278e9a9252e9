"""A line to a build host as one has it at home: every byte is late, and its bandwidth is limited.

One direction's bytes share its rate, whatever connections they belong to; a connection costs a round trip before its
first byte, as TCP's handshake does.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Seconds there and back, and bytes a second: 20 ms and 50 Mbit/s.
ROUND_TRIP, RATE = 0.020, 50e6 / 8
_PIECE = 8192
#: A router's queue: the seconds of bytes, at the line's rate, that a sender may have on their way.
_QUEUE = 0.05


@dataclass
class Direction:
    """``passed``: the bytes so far."""

    passed: int = 0
    _free: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arrival(self, count: int, sent: float) -> float:
        """When so many bytes, sent at ``sent``, have arrived."""
        with self._lock:
            self.passed += count
            self._free = max(self._free, sent) + count / RATE
            return self._free + ROUND_TRIP / 2


class Line:
    """Listens on ``port`` of loopback and passes each connection on to port ``to``."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self.there, self.back = Direction(), Direction()
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        time.sleep(ROUND_TRIP)
        host = socket.create_connection(("127.0.0.1", self._to))
        for end in (client, host):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, target, direction in ((client, host, self.there), (host, client, self.back)):
            pieces: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
            threading.Thread(target=_take, args=(source, pieces, direction), daemon=True).start()
            threading.Thread(target=_give, args=(target, pieces), daemon=True).start()


def _take(source: socket.socket, pieces: queue.SimpleQueue[tuple[float, bytes]], direction: Direction) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_PIECE):
            due = direction.arrival(len(data), time.monotonic())
            pieces.put((due, data))
            time.sleep(max(0.0, due - ROUND_TRIP / 2 - _QUEUE - time.monotonic()))
    pieces.put((time.monotonic() + ROUND_TRIP / 2, b""))


def _give(target: socket.socket, pieces: queue.SimpleQueue[tuple[float, bytes]]) -> None:
    """Bytes in order, each when it is due; the end comes as late as a byte does."""
    with contextlib.suppress(OSError):
        while True:
            due, data = pieces.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(data)


@contextlib.contextmanager
def a_line(to: int) -> Iterator[Line]:
    line = Line(to)
    try:
        yield line
    finally:
        line.close()
