"""The budget check is only asked of an image that has a budget."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_budget: runs when --slipway-budget is given")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.slipway_budget:
        return
    unasked = [item for item in items if item.get_closest_marker("needs_budget")]
    config.hook.pytest_deselected(items=unasked)
    items[:] = [item for item in items if item not in unasked]
