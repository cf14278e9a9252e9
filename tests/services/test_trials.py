"""The trials of services, and the page that tells their results."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.trials.conftest import TRIALS
from apps.trials.frame import Trial
from apps.trials.table import Measured, page, plain, renewed, save, saved


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.image)
def test_each_request_of_a_load_differs(trial: Trial) -> None:
    first, second = trial.request(1), trial.request(2)
    assert getattr(first, "__dict__", first) != getattr(second, "__dict__", second)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.image)
def test_no_hostile_input_may_be_answered_with_500(trial: Trial) -> None:
    assert not [name for name, tried in trial.hostile.items() if 500 in tried.statuses]


RESULTS = [
    Measured("svc-a", hostile="a bomb", status=422, probe=0.1),
    Measured("svc-a", hostile="another", status=503, ended=True, late=2, probe=0.25),
    Measured("svc-a", rate=123.4, middle=10.2, slow=99.6, busy=3, probe=0.05, memory="512m", peak=75),
    Measured("svc-a", probe=0.4, peak=300),
    Measured("svc-a", dead=[502], hangs=[504]),
    Measured("svc-a", full=[503]),
    Measured("svc-a", kills=20, acknowledged=4886, lost=0),
    Measured("svc-b", rate=2.34),
    Measured("svc-b", kills=5),
]


def test_the_page_has_a_row_for_each_service() -> None:
    lines = page(RESULTS, long=True).splitlines()
    assert "The figures are those of the long form." in lines
    a = "| svc-a | 2 | 1 | 1 | 2 | 0.40 | 123 | 10 / 100 | 3 | 300 of 512m | 20 | 0 of 4,886 | 502 | 504 | 503 |"
    b = "| svc-b | 0 | 0 | 0 | 0 | 0.00 | 2.3 | 0 / 0 | 0 | 0 of no label | 5 | – | – | – | – |"
    assert lines[lines.index(a) + 1] == b


def test_chosen_services_renew_their_rows_alone() -> None:
    before = page(RESULTS, long=True)
    after = renewed(before, [Measured("svc-b", rate=99.0)], long=True)
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    [(old, new)] = [(old, new) for old, new in pairs if old != new]
    assert (old.split()[1], new.split()[1]) == ("svc-b", "svc-b")
    assert " 99 " in new
    with pytest.raises(ValueError, match="the other form"):
        renewed(before, RESULTS, long=False)


def test_the_log_has_the_same_table_in_columns(tmp_path: Path) -> None:
    for name in ("svc-b", "svc-a"):
        save([one for one in RESULTS if one.image == name], tmp_path / f"{name}.json")
    told = plain(saved(tmp_path)).splitlines()
    assert [line.split()[0] for line in told] == ["service", "svc-a", "svc-b"]
    assert [line[told[0].index("kills") :].split()[0] for line in told] == ["kills", "20", "5"]
