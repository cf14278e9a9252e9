"""Read the logs of a project's services, merged by time; follow them across restarts."""

from __future__ import annotations

import calendar
import heapq
import queue
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import NamedTuple
from urllib.parse import urlencode

from slipway.compose.containers import Client, Found
from slipway.compose.running_file import PROJECT_LABEL, SERVICE_LABEL
from slipway.engine.address import API_VERSION

#: Lines that arrive within this time are put in order.
WINDOW_SECONDS = 0.25
#: Lists of lines that wait for the writer. A reader that is ahead waits, so that memory stays bounded.
_MOST_WAITING = 64
_PAUSE_SECONDS = 0.05
#: The engine puts eight bytes before each write of a container without a terminal: the stream's number (0 to 2), three
#: zeros, the length. The lines of a container with a terminal have no header, and begin with the digits of a year.
_HEADER, _LAST_STREAM = 8, b"\2"


class Line(NamedTuple):
    """Hold a line of a log: its time as the engine writes it (RFC 3339 in nanoseconds, UTC), its service, its text."""

    at: str
    service: str
    text: str


_AT = itemgetter(0)

#: Sends ``GET`` with this path to the engine, and yields the answer's body in pieces.
Stream = Callable[[str], Iterable[bytes]]


def lines(service: str, pieces: Iterable[bytes]) -> Iterator[list[Line]]:
    """Yield the lines of a log with timestamps, a list for each piece. A piece may end anywhere."""
    rest = b""
    for written in without_headers(pieces):
        whole, newline, rest = (rest + written).rpartition(b"\n")
        if newline:
            yield [_line(service, text) for text in whole.decode("utf-8", "replace").split("\n")]
    if rest:
        yield [_line(service, rest.decode("utf-8", "replace"))]


def _line(service: str, text: str) -> Line:
    at, _, said = text.partition(" ")
    return Line(at, service, said.rstrip("\r"))


def without_headers(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what a container wrote, from the engine's answer in any pieces."""
    rest = b""
    for piece in pieces:
        rest += piece
        if rest[:1] > _LAST_STREAM:
            yield rest
            rest = b""
            continue
        written, start = [], 0
        while (begin := start + _HEADER) <= len(rest):
            end = begin + int.from_bytes(rest[begin - 4 : begin])
            if end > len(rest):
                break
            written.append(rest[begin:end])
            start = end
        rest = rest[start:]
        yield b"".join(written)


def read(stream: Stream, containers: Sequence[Found], *, since: float = 0, tail: int | str = "all") -> Iterator[Line]:
    """Yield what the containers have written so far, in the order of time.

    ``since``: seconds since 1970. ``tail``: at most this many of each container's last lines.
    """

    def of_container(one: Found) -> Iterator[Line]:
        for found in lines(one.service, stream(_path(one.id, since, tail, follow=False))):
            yield from found

    return heapq.merge(*map(of_container, containers), key=_AT)


def _path(container: str, since: float, tail: int | str, *, follow: bool) -> str:
    words = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": int(follow), "tail": tail}
    given = urlencode({**words, "since": since} if since else words)
    return f"/v{API_VERSION}/containers/{container}/logs?{given}"


class Follower:
    """Follow the logs of a project's services until ``stop`` is called.

    A container that starts again, or is created later, is followed too. ``connect`` gives a client for the engine's
    events.
    """

    def __init__(
        self,
        stream: Stream,
        connect: Callable[[], Client],
        project: str,
        services: Sequence[str],
        *,
        since: float,
        tail: int | str,
    ) -> None:
        self._stream, self._connect = stream, connect
        self._project = project
        self._services = frozenset(services)
        self._since, self._tail = since, tail
        self._arrived: queue.Queue[list[Line]] = queue.Queue(_MOST_WAITING)
        self._followed: set[str] = set()
        self._restarted: set[str] = set()
        self._last: dict[str, str] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()

    def start(self, containers: Sequence[Found]) -> None:
        """Begin to follow ``containers``, and every container of the project that starts from now on."""
        self._begin(self._watch)
        for one in containers:
            self._follow(one.id, one.service, self._since, self._tail)

    def stop(self) -> None:
        self._over.set()

    def lines(self, clock: Callable[[], float] = time.monotonic) -> Iterator[list[Line]]:
        """Yield lists of lines in the order of time, as far as they arrive within the window. Ends after ``stop``."""
        waiting: list[Line] = []
        arrivals: deque[tuple[float, str]] = deque()
        while not self._over.is_set():
            for found in self._arrived_now():
                waiting += found
                arrivals.append((clock(), found[-1].at))
            newest = ""
            while arrivals and clock() - arrivals[0][0] >= WINDOW_SECONDS:
                newest = max(newest, arrivals.popleft()[1])
            if newest:
                waiting.sort(key=_AT)
                if ready := bisect_right(waiting, newest, key=_AT):
                    yield waiting[:ready]
                    del waiting[:ready]

    def _arrived_now(self) -> Iterator[list[Line]]:
        """Yield the lines that have arrived; wait a moment for the first ones."""
        with suppress(queue.Empty):
            yield self._arrived.get(timeout=_PAUSE_SECONDS)
            for _ in range(_MOST_WAITING):
                yield self._arrived.get_nowait()

    def _watch(self) -> None:
        """Follow each container of the project when it starts."""
        filters = {"label": f"{PROJECT_LABEL}={self._project}", "event": "start", "type": "container"}
        for event in self._connect().api.events(filters=filters, decode=True):
            if self._over.is_set():
                return
            service = event["Actor"]["Attributes"].get(SERVICE_LABEL, "")
            if not self._services or service in self._services:
                self._follow(event["id"], service, 0, "all")

    def _follow(self, container: str, service: str, since: float, tail: int | str) -> None:
        """Follow a container in a thread. One that is followed already is followed again after its log ends."""
        with self._lock:
            if container in self._followed:
                self._restarted.add(container)
                return
            self._followed.add(container)
        self._begin(lambda: self._read(container, service, since, tail))

    def _read(self, container: str, service: str, since: float, tail: int | str) -> None:
        """Take the lines of a container's log until it ends, and again after each restart."""
        while not self._over.is_set():
            last = self._last.get(container, "")
            path = _path(container, seconds_of(last) if last else since, tail, follow=True)
            for found in lines(service, self._stream(path)):
                if new := [line for line in found if line.at > last]:
                    self._last[container] = new[-1].at
                    self._arrived.put(new)
            tail = "all"
            with self._lock:
                if container not in self._restarted:
                    self._followed.discard(container)
                    return
                self._restarted.discard(container)

    def _begin(self, work: Callable[[], None]) -> None:
        def quiet() -> None:
            with suppress(OSError):
                work()

        threading.Thread(target=quiet, daemon=True).start()


def seconds_of(at: str) -> float:
    """Return the seconds since 1970 of a line's time."""
    whole, _, fraction = at.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")
