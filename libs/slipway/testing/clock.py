"""A clock for tests that never waits."""

from __future__ import annotations

from dataclasses import replace

from slipway.core.clock import Clock
from slipway.core.retry import RetryPolicy


class FakeClock:
    """Time that passes only when somebody sleeps. ``waited``: the seconds of each sleep."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    @property
    def clock(self) -> Clock:
        return Clock(lambda: sum(self.waited), self.waited.append)

    def policy(self, policy: RetryPolicy) -> RetryPolicy:
        """Return ``policy`` by this clock, and with every pause as it is given."""
        return replace(policy, clock=self.clock, chance=lambda: 0.5)
