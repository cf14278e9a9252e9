"""Retry after temporary failures: a server's error, a lost connection, a 429."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from slipway.core.clock import CLOCK, Clock

_NOTICED = 10.0


@dataclass(frozen=True)
class RetryPolicy:
    """Hold the rules for retries. All times are seconds.

    - ``pauses``: the waits between tries. Each varies by up to a quarter, so that many clients do not retry
      simultaneously.
    - ``steady``: the last pause repeats without limit.
    - ``longest``: the longest wait that a server may request. Such a wait does not use up a try.
    - ``budget``: the most that all waits of one operation may add up to.
    - ``within``: the time since the first try after which there is no further try.
    - ``connect``, ``answer``: the timeouts of one request, to connect and to receive the answer.
    - ``tell``: receives a line before a wait of more than 10 seconds.
    """

    pauses: tuple[float, ...] = (1.0, 2.0, 4.0)
    steady: bool = False
    longest: float = 120.0
    budget: float = 600.0
    within: float = math.inf
    connect: float = 10.0
    answer: float = 60.0
    clock: Clock = CLOCK
    chance: Callable[[], float] = random.random
    tell: Callable[[str], None] = lambda line: None

    def start(self) -> Attempts:
        """Start to count the tries of one operation."""
        return Attempts(self)


class Attempts:
    """Count the tries of one operation, and decide whether another follows."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._pauses = list(policy.pauses)
        self._waited = 0.0
        self._began = policy.clock.now()
        self.tries = 1

    def again(self, why: str = "", asked: float = 0.0) -> bool:
        """Wait, then return True for another try. Return False immediately when no try is left.

        ``asked``: the seconds that the server requests to wait.
        """
        policy = self._policy
        if not asked and not self._pauses:
            return False
        own = (*self._pauses, *policy.pauses[-1:], 0.0)[0] * (0.75 + policy.chance() / 2)
        wait = max(own, min(asked, policy.longest))
        late = policy.clock.now() - self._began >= policy.within
        if late or self._waited + wait > policy.budget:
            return False
        if not asked and not (policy.steady and len(self._pauses) == 1):
            self._pauses.pop(0)
        self._waited += wait
        self.tries += 1
        if wait > _NOTICED:
            policy.tell(f"{why}: waiting {wait:.0f} s")
        policy.clock.sleep(wait)
        return True
