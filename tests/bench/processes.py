"""The memory of a command's processes while it runs, from /proc."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

#: In seconds. A process that lives shorter than this may be missed.
_PAUSE = 0.2
_PROC = Path("/proc")
BUILDX = "docker-buildx"


@dataclass
class Peaks:
    """The greatest resident sizes so far, in bytes: of the command's own process, and of all its buildx together."""

    own: int = 0
    buildx: int = 0

    def look(self, pid: int, proc: Path = _PROC) -> None:
        """Look once at the process ``pid`` and at all that it started. A process that has ended counts no more."""
        self.own = max(self.own, _peak(proc, pid))
        started = list(_below(proc, pid))
        self.buildx = max(self.buildx, sum(_peak(proc, each) for each in started if _name(proc, each) == BUILDX))

    @contextmanager
    def watching(self, pid: int) -> Iterator[None]:
        """Look again and again, until the context ends."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(_PAUSE):
                self.look(pid)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _peak(proc: Path, pid: int) -> int:
    for line in _read(proc / str(pid) / "status").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _name(proc: Path, pid: int) -> str:
    return _read(proc / str(pid) / "comm").strip()


def _below(proc: Path, pid: int) -> Iterator[int]:
    """The processes that ``pid`` started, and those that they started."""
    children: dict[int, list[int]] = {}
    for stat in proc.glob("[0-9]*/stat"):
        # "23 (a name) S 7 …": the parent is the second word after the name, which may hold blanks and brackets
        words = _read(stat).rpartition(")")[2].split()
        if words:
            children.setdefault(int(words[1]), []).append(int(stat.parent.name))
    ahead = [pid]
    while ahead:
        found = children.get(ahead.pop(), [])
        yield from found
        ahead += found


def _read(file: Path) -> str:
    with suppress(OSError):
        return file.read_text()
    return ""
