"""Try again what may pass: a server's error, a cut connection, a "not now"."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from slipway.core.clock import CLOCK, Clock

_NOTICED = 10.0


@dataclass(frozen=True)
class RetryPolicy:
    """When to try again. All numbers are seconds.

    ``pauses`` between tries, each up to a quarter shorter or longer, so that many clients do not come back together.
    The last pause repeats where ``steady``. A wait that the other side asks for costs no try; it is at most
    ``longest``. All waits for one thing together stay within ``budget``; slipway does not wait for another once
    ``within`` seconds have passed. ``connect`` and ``answer``: how long one request may take to connect, and to be
    answered. ``tell`` gets a line before a wait that somebody would notice.
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

    def begin(self) -> Attempts:
        """Begin the first try of one thing."""
        return Attempts(self)


class Attempts:
    """The tries of one thing: how many there were, and whether there is another."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._pauses = list(policy.pauses)
        self._waited = 0.0
        self._began = policy.clock.now()
        self.tries = 1

    def again(self, why: str = "", asked: float = 0.0) -> bool:
        """Wait, then return True for another try; return False immediately when there is none.

        ``asked``: the seconds that the other side asks to wait.
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
