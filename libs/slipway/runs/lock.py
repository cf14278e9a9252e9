"""Hold a lock against other runs on this machine."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipway.core.errors import LockedError
from slipway.core.writing import written


@contextmanager
def lock(home: Path, name: str) -> Iterator[None]:
    """Hold the lock ``name`` against other runs on this machine.

    The kernel releases the lock when the process ends. Raises LockedError with the holder's process and start time.
    """
    path = home / "locks" / name
    with written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+b", buffering=0)  # unbuffered: a full disk fails the write only, not also the close
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().decode("utf-8", "replace").strip() or "another run"
            raise LockedError(
                f"{name}: held by {holder}", hint="wait for it to end, then run the command again"
            ) from None
        with written(path):
            file.truncate(0)
            file.write(f"process {os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
        yield
        file.truncate(0)
