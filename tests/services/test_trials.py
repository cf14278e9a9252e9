"""The trials of services, and the page that tells their results."""

from __future__ import annotations

import pytest

from apps.trials.conftest import TRIALS
from apps.trials.frame import Hostile, Trial
from apps.trials.table import Measured, page

INPUTS = [(trial, name) for trial in TRIALS for name in trial.hostile]


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.image)
def test_each_request_of_a_load_differs(trial: Trial) -> None:
    first, second = trial.request(1), trial.request(2)
    assert (first.path, first.options) != (second.path, second.options)


@pytest.mark.parametrize("tried", [trial.hostile[name] for trial, name in INPUTS], ids=[name for _, name in INPUTS])
def test_no_hostile_input_may_be_answered_with_500(tried: Hostile) -> None:
    assert 500 not in tried.statuses


def test_the_page_has_a_row_for_each_service() -> None:
    told = page(
        [
            Measured("svc-a", hostile="a bomb", status=422, seconds=1.24, probe=0.1),
            Measured("svc-a", hostile="another", status=503, seconds=0.5, probe=0.25),
            Measured("svc-a", rate=123.4, middle=10.2, slow=99.6, refused=3, probe=0.05, peak=75),
            Measured("svc-a", largest=1, probe=0.4, peak=300),
            Measured("svc-b", rate=2.34, failed=1),
            Measured("svc-a", kills=20, acknowledged=4886),
        ]
    )
    for row in (
        "| svc-a | 2 | 1 | 1.2 s: a bomb | 0.25 s |",
        "| svc-a | 1 | 0.40 s | 300 MB |",
        "| svc-a | 123 | 10 ms | 100 ms | 3 | 0 | 0.05 s | 75 MB |",
        "| svc-b | 2.3 | 0 ms | 0 ms | 0 | 1 | 0.00 s | 0 MB |",
        "| svc-a | 20 | 4,886 | 0 |",
    ):
        assert row in told.splitlines()
