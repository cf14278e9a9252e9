"""How an image's budget is written."""

from __future__ import annotations

import pytest

from slipway.core.errors import UsageError
from slipway.smoke.budget import Budget, parse_budget


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("1.3 GB", Budget(1_300_000_000)),
        ("200 MB over parent", Budget(200_000_000, over_parent=True)),
        ("512kB", Budget(512_000)),
        ("5 B", Budget(5)),
    ],
)
def test_a_budget_reads_as_docker_writes_sizes(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["", "big", "1.3", "-1 MB", "1 GiB", "1 GB over base"])
def test_other_budgets_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a size"):
        parse_budget(text)
