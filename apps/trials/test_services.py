"""Try each service: hostile inputs first, then load, then kills."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict

import pytest

from apps.trials.frame import Request, Trial
from apps.trials.running import (
    ask,
    ask_raw,
    ask_side_by_side,
    kill_again_and_again,
    peak,
    probing,
    put_load,
    quiet_session,
)
from apps.trials.table import Measured
from slipway.testing.plugin import Container

#: In seconds. The health probe of a container gives up then.
LATE = 4.0
#: The largest requests are sent side by side.
LARGEST = 4

Record = Callable[[str, object], None]


@pytest.fixture
def measured(record_property: Record) -> Callable[[Measured], None]:
    """Put a result into the table."""
    return lambda found: record_property("trial", asdict(found))


def test_a_hostile_input_is_refused_in_time(
    service: Container, trial: Trial, hostile: str, measured: Callable[[Measured], None]
) -> None:
    tried = trial.hostile[hostile]
    made = tried.make()
    with probing(service) as probes, quiet_session() as session:
        began = time.monotonic()
        if isinstance(made, Request):
            answer = ask(session, service.url, made)
            status, text = answer.status_code, answer.text
        else:
            status, text = ask_raw(service.url, made, tried.seconds), ""
        seconds = time.monotonic() - began
    measured(Measured(trial.image, hostile=hostile, status=status, seconds=seconds, probe=probes.slowest))
    assert status in tried.statuses, f"answered {status}: {text[:300]}"
    assert seconds < tried.seconds
    assert not probes.failed and probes.slowest < LATE
    state = service.state
    assert state.running and not state.oom_killed, service.explain("it did not survive")


@pytest.mark.largest
def test_the_largest_requests_fit_into_its_memory(
    service: Container, trial: Trial, measured: Callable[[Measured], None]
) -> None:
    assert trial.largest
    with probing(service) as probes:
        statuses = ask_side_by_side(service, [trial.largest(number) for number in range(LARGEST)])
    measured(Measured(trial.image, largest=statuses.count(503), probe=probes.slowest, peak=peak(service)))
    assert all(200 <= status < 300 or status == 503 for status in statuses), statuses
    assert any(status != 503 for status in statuses)
    state = service.state
    assert state.running and not state.oom_killed, service.explain("it did not survive")


def test_load_is_answered(
    service: Container, trial: Trial, pytestconfig: pytest.Config, measured: Callable[[Measured], None]
) -> None:
    load = put_load(service, trial, 60.0 if pytestconfig.option.long else 10.0)
    measured(
        Measured(
            trial.image,
            rate=len(load.answers) / load.seconds,
            middle=load.quantile(0.5),
            slow=load.quantile(0.99),
            refused=load.refused,
            failed=len(load.failed),
            probe=load.probes.slowest,
            peak=load.peak,
        )
    )
    assert not load.failed, load.failed[:5]
    assert load.answers
    assert not load.probes.failed and load.probes.slowest < LATE
    assert not service.state.oom_killed


@pytest.mark.durable
def test_kills_lose_nothing(
    service: Container, trial: Trial, pytestconfig: pytest.Config, measured: Callable[[Measured], None]
) -> None:
    kills = kill_again_and_again(service, trial, 20 if pytestconfig.option.long else 1)
    found = Measured(trial.image, kills=kills.rounds, acknowledged=len(kills.acknowledged), lost=len(kills.lost))
    measured(found)
    assert kills.acknowledged, "nothing was acknowledged, so nothing was tried"
    assert not kills.lost
