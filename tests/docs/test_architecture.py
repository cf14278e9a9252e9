"""docs/architecture.md names functions that exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs/architecture.md").read_text("utf-8")
WALK = TEXT.partition("## From a Dockerfile to a pushed tag")[2].partition("\n## ")[0]
NAMES = re.findall(r"`([a-z_]+(?:\.\w+)+)`", WALK)


def test_the_walk_has_its_stations() -> None:
    assert len(NAMES) > 20


@pytest.mark.parametrize("name", NAMES)
def test_every_name_in_the_walk_exists(name: str) -> None:
    words = ["slipway", *name.split(".")]
    for count in range(len(words), 1, -1):
        try:
            found: object = importlib.import_module(".".join(words[:count]))
        except ModuleNotFoundError:
            continue
        for word in words[count:]:
            found = getattr(found, word)
        return
    pytest.fail(f"slipway has no {name}")
