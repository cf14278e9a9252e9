"""How long to try what may pass: a server's error, a cut connection, a "not now"."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

_NOTICED = 10.0


@dataclass(frozen=True)
class Patience:
    """Seconds, all of them.

    ``pauses`` between tries, each up to a quarter shorter or longer, so that many clients do not come back at once. A
    wait that the other side asks for costs no try; it is at most ``longest``. All waits for one thing together stay
    within ``budget``. ``connect`` and ``answer``: how long one request may take to connect, and to be answered.
    ``tell`` gets a line before a wait that somebody would notice.
    """

    pauses: tuple[float, ...] = (1.0, 2.0, 4.0)
    longest: float = 120.0
    budget: float = 600.0
    connect: float = 10.0
    answer: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    tell: Callable[[str], None] = lambda line: None

    def begin(self) -> Trying:
        """For one thing that is to be done."""
        return Trying(self)


class Trying:
    """The tries of one thing: how many there were, and whether there is to be another."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._pauses = list(patience.pauses)
        self._waited = 0.0
        self.tries = 1

    def again(self, why: str, asked: float = 0.0) -> bool:
        """Wait, then True for another try; False at once when there is to be none. ``asked``: by the other side."""
        patience = self._patience
        if not asked and not self._pauses:
            return False
        own = (*self._pauses, *patience.pauses[-1:], 0.0)[0] * (0.75 + patience.chance() / 2)
        wait = max(own, min(asked, patience.longest))
        if self._waited + wait > patience.budget:
            return False
        if not asked:
            self._pauses.pop(0)
        self._waited += wait
        self.tries += 1
        if wait > _NOTICED:
            patience.tell(f"{why}: waiting {wait:.0f} s")
        patience.sleep(wait)
        return True
