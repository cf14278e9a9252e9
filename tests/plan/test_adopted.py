"""The plans of the sample repositories that slipway adopts: each equals its golden plan, without any engine."""

from __future__ import annotations

import json

import pytest

from tests.plan.adopted import ADOPTED, PLANS, STACKS, as_text, planned


@pytest.mark.parametrize("name", ADOPTED)
def test_a_sample_has_its_golden_plan(name: str) -> None:
    golden = (PLANS / f"{name}.json").read_text("utf-8")
    made = as_text(planned(STACKS / name))
    assert json.loads(made) == json.loads(golden), "python -m tests.plan.adopted writes the golden plans again"
    assert made == golden


def test_every_golden_plan_has_its_sample() -> None:
    assert {path.stem for path in PLANS.iterdir()} == set(ADOPTED)
