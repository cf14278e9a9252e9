"""How many examples a property is tried with."""

from __future__ import annotations

from hypothesis import HealthCheck, settings


def examples(count: int) -> settings:
    """``count`` examples; as many times more as the profile has more than hypothesis's own 100."""
    return settings(
        max_examples=max(1, count * settings().max_examples // 100),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
