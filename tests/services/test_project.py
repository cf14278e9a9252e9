"""Tests and mypy find each service's package in the service's folder, which pyproject.toml names."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("apps/*/Dockerfile")}
TOOL = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]


@pytest.mark.parametrize("places", [TOOL["mypy"]["mypy_path"], TOOL["pytest"]["ini_options"]["pythonpath"]])
def test_every_service_is_found(places: list[str]) -> None:
    assert {place for place in places if place.startswith("apps/")} == SERVICES
