"""When to try again, by a clock of the test's own."""

from __future__ import annotations

import pytest

from slipway.core.retry import RetryPolicy
from slipway.testing.clock import FakeClock


def waits(policy: RetryPolicy, *asked: float) -> list[float]:
    """The seconds that are waited until there is no other try; ``asked`` by the other side before each."""
    clock, ahead = FakeClock(), list(asked)
    attempts = clock.policy(policy).start()
    while attempts.again(asked=ahead.pop(0) if ahead else 0.0):
        pass
    assert attempts.tries == len(clock.waited) + 1
    return clock.waited


@pytest.mark.parametrize(
    ("policy", "asked", "waited"),
    [
        (RetryPolicy(pauses=()), (), []),
        (RetryPolicy(), (), [1, 2, 4]),
        (RetryPolicy(), (30,), [30, 1, 2, 4]),
        (RetryPolicy(), (900,), [120, 1, 2, 4]),
        (RetryPolicy(budget=4), (), [1, 2]),
        (RetryPolicy((1, 2), steady=True, within=8), (), [1, 2, 2, 2, 2]),
        (RetryPolicy((0.5,), steady=True, within=0), (), []),
    ],
    ids=["none", "pauses", "asked", "asked for too long", "a budget", "steady", "once"],
)
def test_waits(policy: RetryPolicy, asked: tuple[float, ...], waited: list[float]) -> None:
    assert waits(policy, *asked) == waited


@pytest.mark.parametrize(("chance", "waited"), [(0.0, 0.75), (1.0, 1.25)])
def test_many_clients_do_not_come_back_together(chance: float, waited: float) -> None:
    clock = FakeClock()
    assert RetryPolicy(clock=clock.clock, chance=lambda: chance).start().again()
    assert clock.waited == [waited]


def test_a_long_wait_is_reported() -> None:
    told: list[str] = []
    attempts = FakeClock().policy(RetryPolicy(tell=told.append)).start()
    assert attempts.again("503") and attempts.again("429", asked=20)
    assert told == ["429: waiting 20 s"]
