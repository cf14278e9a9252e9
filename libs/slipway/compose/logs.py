"""Read the logs of a project's services, merged by time; follow them across restarts."""

from __future__ import annotations

import calendar
import heapq
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from slipway.compose.containers import Client, Found
from slipway.compose.running_file import PROJECT_LABEL, SERVICE_LABEL

#: Lines that arrive within this time are put in order.
WINDOW_SECONDS = 0.25
#: Lines that wait for the writer. A reader that is ahead waits, so that memory stays bounded.
_MOST_WAITING = 20_000


@dataclass(frozen=True, order=True)
class Line:
    """Hold a line of a log: its time as the engine writes it (RFC 3339 in nanoseconds, UTC), its service, its text."""

    at: str
    service: str = field(compare=False)
    text: str = field(compare=False)


def lines(service: str, chunks: Iterable[bytes]) -> Iterator[Line]:
    """Yield the lines of a log with timestamps. ``chunks`` may divide a line anywhere."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for raw in whole:
            yield _line(service, raw)
    if rest:
        yield _line(service, rest)


def _line(service: str, raw: bytes) -> Line:
    at, _, text = raw.decode("utf-8", "replace").partition(" ")
    return Line(at, service, text.rstrip("\r"))


def read(client: Client, containers: Sequence[Found], *, since: float = 0, tail: int | str = "all") -> Iterator[Line]:
    """Yield what the containers have written so far, in the order of time.

    ``since``: seconds since 1970. ``tail``: at most this many of each container's last lines.
    """
    streams = [lines(one.service, _chunks(client, one.id, since, tail, follow=False)) for one in containers]
    return heapq.merge(*streams)


def _chunks(client: Client, container: str, since: float, tail: int | str, *, follow: bool) -> Iterable[bytes]:
    words = {"stdout": True, "stderr": True, "timestamps": True, "stream": True, "follow": follow, "tail": tail}
    found: Iterable[bytes] = client.api.logs(container, **words, **({"since": since} if since else {}))
    return found


class Follower:
    """Follow the logs of a project's services until ``stop`` is called.

    A container that starts again, or is created later, is followed too.
    """

    def __init__(
        self, connect: Callable[[], Client], project: str, services: Sequence[str], *, since: float, tail: int | str
    ) -> None:
        self._connect = connect
        self._project = project
        self._services = frozenset(services)
        self._since, self._tail = since, tail
        self._arrived: queue.Queue[Line] = queue.Queue(_MOST_WAITING)
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

    def lines(self, clock: Callable[[], float] = time.monotonic) -> Iterator[Line]:
        """Yield lines in the order of time, as far as they arrive within the window. Ends after ``stop``."""
        waiting: list[tuple[Line, int, float]] = []
        count = 0
        while not self._over.is_set():
            for line in self._arrived_now():
                heapq.heappush(waiting, (line, count, clock()))
                count += 1
            while waiting and clock() - waiting[0][2] >= WINDOW_SECONDS:
                yield heapq.heappop(waiting)[0]

    def _arrived_now(self) -> Iterator[Line]:
        """Yield the lines that have arrived; wait a moment for the first one."""
        with suppress(queue.Empty):
            yield self._arrived.get(timeout=WINDOW_SECONDS / 5)
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
            chunks = _chunks(self._connect(), container, seconds_of(last) if last else since, tail, follow=True)
            for line in lines(service, chunks):
                if line.at > last:
                    self._arrived.put(line)
                    self._last[container] = line.at
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
