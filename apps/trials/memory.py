"""Watch the memory of a container's processes from inside it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from threading import Thread

from slipway.core.errors import SlipwayError
from slipway.testing.plugin import Container

_FILE = "/tmp/trial-peak"
#: Write the most memory so far, in bytes, that is not the cache of files: that of processes and of files in a tmpfs.
#: The control group has it as "anon" and "shmem" (version 2), or as "total_rss" and "total_shmem" (version 1).
_WATCH = f"""
import pathlib, re, time
groups = "/sys/fs/cgroup/memory.stat", "/sys/fs/cgroup/memory/memory.stat"
stat = next(path for path in map(pathlib.Path, groups) if path.exists())
most = 0
while True:
    found = dict(line.split() for line in stat.read_text().splitlines())
    now = int(found.get("total_rss") or found["anon"]) + int(found.get("total_shmem") or found.get("shmem", 0))
    if now > most:
        most = now
        pathlib.Path("{_FILE}").write_text(str(most))
    time.sleep(0.05)
"""


def watch(container: Container) -> Callable[[], int]:
    """Return a function that returns the largest memory so far, in MB. A process in the container watches it."""

    def run() -> None:
        with contextlib.suppress(SlipwayError, OSError):  # the container ends before its watcher does
            container.exec("python3", "-c", _WATCH)

    Thread(target=run, daemon=True).start()
    return lambda: int(container.exec("cat", _FILE).output or 0) // 1_000_000
