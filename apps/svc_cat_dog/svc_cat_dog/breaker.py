"""Decide whether a call of something that failed before is worth a try."""

from __future__ import annotations

import time
from collections.abc import Callable


class Breaker:
    """Let all calls pass until one fails; then let one call pass every ``rest`` seconds until it succeeds.

    So something that hangs costs one caller in ``rest`` seconds its patience, and all others nothing. The breaker is
    not safe for threads: its calls belong to one event loop.
    """

    def __init__(self, rest: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rest = rest
        self._now = now
        self._next_try: float | None = None

    def allows(self) -> bool:
        if self._next_try is None:
            return True
        if self._now() < self._next_try:
            return False
        self._next_try = self._now() + self._rest
        return True

    def failed(self) -> bool:
        """Note that a call failed, and tell whether it is the first one."""
        first = self._next_try is None
        self._next_try = self._now() + self._rest
        return first

    def succeeded(self) -> bool:
        """Note that a call succeeded, and tell whether it is the first one after a failure."""
        was_open = self._next_try is not None
        self._next_try = None
        return was_open
