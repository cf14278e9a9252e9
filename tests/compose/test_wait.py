"""Judge services by their containers' states, and wait for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from slipway.compose.containers import Found
from slipway.compose.judge import Judgement, Stage, judge
from slipway.compose.system import Port, Service
from slipway.compose.wait import Outcome, Standing, wait_until_up
from slipway.core.clock import Clock
from slipway.core.command import Result
from slipway.engine.container_state import State

RUNNING = State("running", 0, False, "", "", "", 0)
STARTING = replace(RUNNING, health="starting")
HEALTHY = replace(RUNNING, health="healthy")
ENDED = replace(RUNNING, status="exited")
CREATED = replace(RUNNING, status="created")
SERVER = Service("app", "x", "", (Port("app", 80, 80),), job=False)
ENDED_WELL = Result(0)
JOB = Service("init", "x", "", (), job=True)


@pytest.mark.parametrize(
    ("service", "state", "stage"),
    [
        (SERVER, CREATED, Stage.WAITING),
        (SERVER, replace(CREATED, error="no such file"), Stage.FAILED),
        (SERVER, STARTING, Stage.STARTING),
        (SERVER, replace(RUNNING, health="unhealthy"), Stage.STARTING),
        (SERVER, HEALTHY, Stage.HEALTHY),
        (SERVER, RUNNING, Stage.RUNNING),
        (JOB, ENDED, Stage.DONE),
        (SERVER, ENDED, Stage.FAILED),
        (JOB, replace(ENDED, exit_code=1), Stage.FAILED),
        (SERVER, replace(ENDED, exit_code=1, restarted=True), Stage.STARTING),
        (SERVER, replace(RUNNING, status="restarting", restarts=1), Stage.STARTING),
        (SERVER, replace(RUNNING, status="restarting", restarts=3), Stage.FAILED),
        (SERVER, replace(STARTING, restarts=3), Stage.FAILED),
        (SERVER, replace(HEALTHY, restarts=3), Stage.HEALTHY),
        (SERVER, replace(RUNNING, status="paused"), Stage.FAILED),
        (SERVER, replace(STARTING, probe_code=-1, last_probe="exec: executable file not found"), Stage.FAILED),
        (SERVER, replace(STARTING, probe_code=1, last_probe="404 not found"), Stage.STARTING),
    ],
)
def test_a_containers_state_gives_its_services_stage(service: Service, state: State, stage: Stage) -> None:
    assert judge(service, [state]).stage is stage


def test_a_service_waits_until_it_has_a_container_and_its_worst_container_counts() -> None:
    assert judge(SERVER, []) == Judgement(Stage.WAITING)
    found = judge(SERVER, [HEALTHY, replace(ENDED, exit_code=1)])
    assert (found.stage, found.container) == (Stage.FAILED, 1)


class Time:
    """A clock whose pauses take no time, and move it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.seconds, self.sleep)


def container(service: str, state: State) -> Found:
    return Found(service, service, service, {}, "sha256:aa", state, "", {})


def wait(
    *looks: dict[str, State],
    started: Result | None = ENDED_WELL,
    services: Sequence[Service] = (SERVER,),
    before: Sequence[str] = (),
) -> tuple[Outcome, list[tuple[str, Stage]]]:
    """Wait while the engine answers with ``looks`` in turn, the last one for ever."""
    told: list[tuple[str, Stage]] = []
    answers = _then_last(looks)

    def tell(name: str, standing: Standing) -> None:
        told.append((name, standing.stage))

    outcome = wait_until_up(
        services,
        lambda: [container(name, state) for name, state in next(answers).items()],
        lambda: started,
        tell,
        30.0,
        before=before,
        clock=Time().clock,
    )
    return outcome, told


def _then_last(looks: Sequence[dict[str, State]]) -> Iterator[dict[str, State]]:
    yield from looks
    while True:
        yield looks[-1]


def test_each_output_of_a_health_check_is_reported_once() -> None:
    asleep = replace(STARTING, last_probe="refused")
    _, told = wait({"app": STARTING}, {"app": asleep}, {"app": asleep}, {"app": HEALTHY})
    assert told == [("app", Stage.STARTING), ("app", Stage.STARTING), ("app", Stage.HEALTHY)]


def test_the_wait_ends_when_all_services_are_up_and_reports_each_change_once() -> None:
    outcome, told = wait(
        {}, {"app": STARTING}, {"app": STARTING}, {"app": HEALTHY, "init": ENDED}, services=(SERVER, JOB)
    )
    assert outcome.ok
    assert told == [
        ("app", Stage.WAITING),
        ("init", Stage.WAITING),
        ("app", Stage.STARTING),
        ("app", Stage.HEALTHY),
        ("init", Stage.DONE),
    ]


def test_a_service_without_health_check_must_run_for_a_second() -> None:
    outcome, _ = wait({"app": RUNNING}, {"app": RUNNING}, {"app": replace(ENDED, exit_code=3)})
    assert not outcome.ok and outcome.standings["app"].stage is Stage.FAILED


def test_each_restart_begins_that_second_again() -> None:
    """Each look finds a running container, and it is never the same start for a second."""
    looks = [{"app": replace(RUNNING, restarts=restarts)} for restarts in (0, 0, 0, 1, 1, 1, 2, 2, 3)]
    outcome, told = wait(*looks)
    assert outcome.standings["app"].stage is Stage.FAILED
    assert told == [("app", Stage.RUNNING), ("app", Stage.FAILED)]
    outcome, _ = wait(*looks[:4])
    assert outcome.ok, "a service that was restarted once is up after its second"


def test_a_failed_service_ends_the_wait() -> None:
    outcome, _ = wait({"app": replace(ENDED, exit_code=3)}, started=None)
    assert not outcome.ok and outcome.in_time and outcome.standings["app"].stage is Stage.FAILED


def test_a_failed_compose_ends_the_wait() -> None:
    outcome, _ = wait({}, started=Result(1, stderr="no"))
    assert not outcome.ok and outcome.in_time


def test_the_deadline_ends_the_wait() -> None:
    outcome, _ = wait({"app": STARTING})
    assert not outcome.ok and not outcome.in_time


def test_a_container_that_compose_may_replace_does_not_count_until_compose_has_ended() -> None:
    outcome, told = wait({"app": replace(ENDED, exit_code=137)}, started=None, before=["app"])
    assert not outcome.in_time and told == [("app", Stage.WAITING)]
    assert wait({"app": HEALTHY}, before=["app"])[0].ok


def test_services_are_not_up_before_compose_has_ended() -> None:
    outcome, _ = wait({"app": HEALTHY}, started=None)
    assert not outcome.ok and not outcome.in_time
