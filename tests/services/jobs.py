"""Jobs for the tests of servicekit.parsers. A child imports this module."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

SEEN: list[int] = []


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
