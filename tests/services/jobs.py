"""Jobs for the tests of servicekit.parsers. A child imports this module."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from servicekit.fork_server import HEAD

SEEN: list[int] = []


@dataclass(frozen=True)
class Box:
    sides: tuple[float, ...]
    name: str | None
    pixels: bytes


def boxes(number: int) -> list[Box]:
    return [Box((1.5, 2), None, bytes(range(256))), Box((), "ä\0", b"")][:number]


class Unheard(Exception):
    pass


def raise_unheard(reason: str) -> None:
    raise Unheard(reason)


def take_over(kind: bytes, answer: bytes) -> int:
    """Send ``answer`` to the service and end, as code that came with a file may do."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):
            socket.socket(fileno=int(entry.name)).sendall(HEAD.pack(kind, len(answer)) + answer)
    os._exit(0)


def run_away() -> None:
    """Hold Python's lock for hours."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def remember(number: int) -> list[int]:
    SEEN.append(number)
    return SEEN


def refuse(reason: str) -> None:
    raise ValueError(reason)


def hang_with_a_grandchild(pids: Path) -> None:
    """Write the ids of this process, of the fork server and of a grandchild, and run for hours."""
    sleeper = subprocess.Popen(["sleep", "1000"])
    written = pids.with_suffix(".next")
    written.write_text(f"{os.getpid()} {os.getppid()} {sleeper.pid}")
    written.rename(pids)
    time.sleep(1000)


def serve_a_hanging_job(pids: Path) -> None:
    """Be a service that waits for a job."""
    import anyio

    from servicekit.parsers import Limits, Parsers

    anyio.run(Parsers(Limits(seconds=1000)).run, hang_with_a_grandchild, pids)
