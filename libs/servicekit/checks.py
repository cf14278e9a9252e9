"""Run the checks of a service's stores, each within a deadline."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import anyio
import anyio.to_thread

#: A check raises an exception when a part that the service needs cannot be used. It reads, and never writes.
Check = Callable[[], None]
#: In seconds. The health probe gives up after 4 s.
DEADLINE = 2.0
_ROOM = 1 << 20


class Checks:
    """Run checks side by side, in threads of their own. A check fails when it raises or exceeds ``seconds``.

    A store that hangs holds one thread, however many probes ask: they wait for the check that already runs.
    """

    def __init__(self, checks: Mapping[str, Check], log: logging.Logger, seconds: float = DEADLINE) -> None:
        self._checks, self._log, self._seconds = dict(checks), log, seconds
        self._running: dict[str, asyncio.Task[None]] = {}
        self._threads = anyio.CapacityLimiter(max(len(checks), 1))

    async def failures(self) -> list[str]:
        """Return the names of the checks that fail. The log has the causes."""
        passed = await asyncio.gather(*map(self._passes, self._checks))
        return [name for name, good in zip(self._checks, passed, strict=True) if not good]

    async def _passes(self, name: str) -> bool:
        running = self._running.get(name)
        if running is None or running.done():
            running = self._running[name] = asyncio.ensure_future(self._run(name))
        await asyncio.wait([running], timeout=self._seconds)
        if not running.done():
            self._log.error("a check takes too long", extra={"check": name, "seconds": self._seconds})
            return False
        if error := running.exception():
            self._log.error("a check failed", extra={"check": name}, exc_info=error)
        return error is None

    async def _run(self, name: str) -> None:
        await anyio.to_thread.run_sync(self._checks[name], limiter=self._threads, abandon_on_cancel=True)


def check_room(folder: Path, needed: int = _ROOM) -> None:
    """Raise OSError unless a file of ``needed`` bytes can be written to the folder. Writes nothing."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "cannot be written", str(folder))
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < needed or (disk.f_files and not disk.f_favail):
        raise OSError(errno.ENOSPC, "the disk is full", str(folder))
