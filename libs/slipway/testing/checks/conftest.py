"""Run the budget check only for an image that has a budget, and mark the policy checks in the results."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_budget: runs when --slipway-budget is given")
    config.addinivalue_line("markers", "policy: an image that fails it may work, and is refused")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("policy"):
            item.user_properties.append(("slipway", "policy"))
    if config.option.slipway_budget:
        return
    unasked = [item for item in items if item.get_closest_marker("needs_budget")]
    config.hook.pytest_deselected(items=unasked)
    items[:] = [item for item in items if item not in unasked]
