"""Try each service: hostile inputs first, then load, then faults, then kills."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from apps.trials.asking import Answer
from apps.trials.conftest import Place
from apps.trials.frame import Trial
from apps.trials.libraries import new_libraries, note_libraries
from apps.trials.running import (
    Probes,
    ask_side_by_side,
    ask_until_it_answers,
    kill_again_and_again,
    lost,
    probing,
    put_load,
)
from apps.trials.table import LATE, Measured
from slipway.testing.bench import Stack
from slipway.testing.plugin import Bench, Container

#: In the long form, so many clients send requests at the same time.
MOST_CLIENTS = 16
#: Requests during a fault, and the seconds that one may take.
REQUESTS, PATIENCE = 5, 15.0
MOST_WRITES = 500
NO_ANSWER = 0
#: Kills of a service that keeps nothing: each start is like the one before.
FEW_KILLS = 5

Record = Callable[[Measured], None]


def late(probes: Probes) -> int:
    return len(probes.failed) + sum(seconds >= LATE for seconds in probes.seconds)


def ended(service: Container) -> bool:
    state = service.state
    return not state.running or state.oom_killed


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def test_the_first_requests_load_no_library(service: Container, trial: Trial) -> None:
    """Python holds its global lock while a disk reads a library. A probe would wait as long, so the start loads all."""
    assert note_libraries(service)
    answers = ask_side_by_side(service, trial, [trial.request(number) for number in range(2)])
    assert all(answer.ok for answer in answers), answers
    assert not new_libraries(service)


def test_a_hostile_input_is_refused_in_time(service: Container, trial: Trial, hostile: str, measured: Record) -> None:
    tried = trial.hostile[hostile]
    made = tried.make()
    with (
        probing(service, trial) as probes,
        closing(trial.connect(service)) as client,
        in_time(tried.seconds),
    ):
        try:
            answer = client.ask(made, 2 * tried.seconds)
        except OSError as error:
            answer = Answer(NO_ANSWER, repr(error).encode())
    found = Measured(
        trial.image,
        hostile=hostile,
        status=answer.status,
        ended=ended(service),
        late=late(probes),
        probe=probes.slowest,
    )
    measured(found)
    assert answer.status in tried.statuses, f"answered {answer.status}: {answer.text[:300]}"
    assert not probes.failed and not found.late
    assert not found.ended, service.explain("it did not survive")


@pytest.mark.tries("largest")
def test_the_largest_requests_fit_into_its_memory(place: Place, trial: Trial, measured: Record) -> None:
    largest = trial.largest
    assert largest
    with probing(place.service, trial) as probes:
        answers = ask_side_by_side(place.service, trial, [largest.make(number) for number in range(largest.number)])
    stopped = ended(place.service)
    measured(Measured(trial.image, ended=stopped, late=late(probes), probe=probes.slowest, peak=place.peak()))
    assert all(answer.status in largest.statuses or answer.come_again for answer in answers), answers
    assert not all(answer.come_again for answer in answers)
    assert not stopped, place.service.explain("it did not survive")


def test_load_is_answered(place: Place, trial: Trial, pytestconfig: pytest.Config, measured: Record) -> None:
    seconds, clients = (60.0, MOST_CLIENTS) if pytestconfig.option.long else (10.0, trial.clients)
    load = put_load(place.service, trial, seconds, clients)
    found = Measured(
        trial.image,
        rate=len(load.answers) / load.seconds,
        middle=load.quantile(0.5),
        slow=load.quantile(0.99),
        busy=load.refused,
        late=late(load.probes),
        probe=load.probes.slowest,
        memory=place.memory,
        peak=place.peak(),
    )
    measured(found)
    assert place.memory, "the image has no label slipway.memory"
    assert not load.failed, load.failed[:5]
    assert load.answers
    assert not load.probes.failed and not found.late
    assert not ended(place.service)


@pytest.mark.tries("neighbour")
def test_a_neighbour_that_hangs_or_is_dead_costs_no_more_than_its_answers(
    place: Place, trial: Trial, measured: Record
) -> None:
    assert trial.neighbour and place.neighbour
    numbers, service = itertools.count(10**6), place.service
    if trial.neighbour.env:
        service = place.stack.start(trial.image, env={**trial.env, **trial.neighbour.env})
    faults = {
        "hangs": (place.neighbour.pause, place.neighbour.unpause, trial.neighbour.hangs),
        "dead": (place.neighbour.kill, place.neighbour.restart, trial.neighbour.dead),
    }
    told = {}
    for name, (begin, end, statuses) in faults.items():
        with probing(service, trial) as probes, in_time(PATIENCE):
            begin()
            try:
                asked = [trial.request(number) for number in itertools.islice(numbers, REQUESTS)]
                answers = ask_side_by_side(service, trial, asked)
            finally:
                end()
        ask_until_it_answers(service, trial, numbers)
        told[name] = {answer.status for answer in answers}
        assert told[name] <= set(statuses), answers
        assert not late(probes), probes
    measured(Measured(trial.image, hangs=sorted(told["hangs"]), dead=sorted(told["dead"])))


@pytest.mark.tries("durable")
def test_a_full_volume_costs_no_acknowledged_request(trial: Trial, slipway_bench: Bench, measured: Record) -> None:
    """Fill a small volume, so that no write finds room; then make room again."""
    assert trial.durable
    numbers = itertools.count(2 * 10**6)
    with Stack(slipway_bench) as stack:
        stack.make_volume("small", megabytes=32)
        service = stack.start(trial.image, env=trial.env, volumes={"small": trial.durable.volume})
        kept = {
            number: answered(service, trial, trial.request(number)) for number in itertools.islice(numbers, REQUESTS)
        }
        assert all(answer.ok for answer in kept.values()), kept
        ballast = f"{trial.durable.volume}/ballast"
        assert service.exec("dd", "if=/dev/zero", f"of={ballast}", "bs=64k").exit_code == 1, "the volume is not full"
        refused = write_until_refused(service, trial, numbers, kept)
        assert not lost(service, trial, kept), "reads go on"
        assert service.exec("rm", ballast).exit_code == 0
        ask_until_it_answers(service, trial, numbers)
        assert not lost(service, trial, kept)
        assert not ended(service)
    statuses = {status for status in refused if status}
    measured(Measured(trial.image, full=sorted(statuses)))
    assert statuses and statuses <= set(trial.durable.full), refused
    assert trial.durable.breaks or None not in refused


def answered(service: Container, trial: Trial, asked: object) -> Answer:
    """Return the answer to a request during a fault, which comes in time."""
    with closing(trial.connect(service)) as client, in_time(PATIENCE):
        return client.ask(asked)


def write_until_refused(
    service: Container, trial: Trial, numbers: Iterator[int], kept: dict[int, Answer]
) -> list[int | None]:
    """Return the statuses of a few refused writes; None stands for a broken connection. ``kept`` gets the others.

    The last pages of a full volume have room for some small writes.
    """
    refused: list[int | None] = []
    for number in itertools.islice(numbers, MOST_WRITES):
        try:
            answer = answered(service, trial, trial.request(number))
        except OSError:
            refused.append(None)
            time.sleep(0.2)
            continue
        if answer.ok:
            kept[number] = answer
        else:
            refused.append(answer.status)
        if len(refused) >= REQUESTS:
            break
    return refused


@pytest.mark.tries("durable")
def test_kills_lose_nothing(place: Place, trial: Trial, pytestconfig: pytest.Config, measured: Record) -> None:
    kills = kill_again_and_again(place.service, trial, 20 if pytestconfig.option.long else 1)
    acknowledged, missing = len(kills.acknowledged), len(kills.lost)
    measured(Measured(trial.image, kills=kills.rounds, acknowledged=acknowledged, lost=missing))
    assert acknowledged, "nothing was acknowledged, so nothing was tried"
    assert not kills.lost


@pytest.mark.forgetful
def test_it_answers_after_each_kill(place: Place, trial: Trial, measured: Record) -> None:
    kills = kill_again_and_again(place.service, trial, FEW_KILLS)
    measured(Measured(trial.image, kills=kills.rounds))
