"""Bound the work that a service takes in: it refuses a request without a place immediately, and nothing piles up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: In seconds: a client that was refused may try again after this time.
RETRY_AFTER = 5


class Busy(Exception):
    """Report that all places are taken."""


class Places:
    """Hold a number of places, one for each request that is received, waits or is answered."""

    def __init__(self, number: int) -> None:
        self._free = threading.Semaphore(number)
        self._number = number

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take a place while the context is open. Raises Busy when none is free."""
        if not self._free.acquire(blocking=False):
            raise Busy(f"all {self._number} places are taken; try again in {RETRY_AFTER} s")
        try:
            yield
        finally:
            self._free.release()
