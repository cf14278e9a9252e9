"""Send the requests of a trial to a running container, and measure its answers."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

from apps.trials.asking import Answer
from apps.trials.frame import Trial
from slipway.testing.plugin import Container

#: In seconds: the patience of a client that comes again, and of one that waits until a fault is over.
_PAUSE, _OVER = 0.1, 20.0


@dataclass
class Probes:
    """Collect the seconds until each probe was answered, and the probes that failed."""

    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def slowest(self) -> float:
        return max(self.seconds, default=0.0)


@contextmanager
def probing(container: Container, trial: Trial, pause: float = 0.1) -> Iterator[Probes]:
    """Ask the probes all the time while the context is open, and at least once."""
    probes, ended = Probes(), Event()

    def probe() -> None:
        with closing(trial.connect(container)) as client:
            for asked in itertools.cycle(trial.probes):
                began = time.monotonic()
                try:
                    answer = client.ask(asked, 30)
                except OSError as error:
                    probes.failed.append(f"no answer: {type(error).__name__}")
                else:
                    probes.failed += [] if answer.ok else [f"{answer.status} {answer.text[:100]}"]
                probes.seconds.append(time.monotonic() - began)
                if ended.wait(pause):
                    return

    thread = Thread(target=probe)
    thread.start()
    try:
        yield probes
    finally:
        ended.set()
        thread.join()


@dataclass
class Load:
    """Collect the outcome of a load: seconds of each answer, refusals of a busy service, failures, and the probes."""

    seconds: float
    answers: list[float] = field(default_factory=list)
    refused: int = 0
    failed: list[str] = field(default_factory=list)
    probes: Probes = field(default_factory=Probes)

    def quantile(self, share: float) -> float:
        """Return the milliseconds within which this share of the answers came."""
        ordered = sorted(self.answers) or [0.0]
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


def put_load(container: Container, trial: Trial, seconds: float, clients: int) -> Load:
    """Let so many clients send requests for ``seconds``."""
    numbers, until = itertools.count(), time.monotonic() + seconds
    load = Load(seconds)

    def send() -> None:
        with closing(trial.connect(container)) as client:
            while time.monotonic() < until:
                began = time.monotonic()
                try:
                    answer = client.ask(trial.request(next(numbers)))
                except OSError as error:
                    load.failed.append(type(error).__name__)
                    time.sleep(_PAUSE)
                    continue
                if answer.ok:
                    load.answers.append(time.monotonic() - began)
                elif answer.come_again:
                    load.refused += 1
                    time.sleep(_PAUSE)
                else:
                    load.failed.append(f"{answer.status} {answer.text[:200]}")

    with probing(container, trial) as load.probes, ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(send) for _ in range(clients)]:
            done.result()
    return load


@dataclass
class Kills:
    """Count the acknowledged requests of all rounds, and name those that are lost."""

    rounds: int = 0
    acknowledged: dict[int, Answer] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)


def kill_again_and_again(container: Container, trial: Trial, rounds: int) -> Kills:
    """Send requests, kill the container in the middle and start it again; look for every acknowledged request.

    A service that keeps nothing must answer after each start.
    """
    kills, numbers = Kills(), itertools.count(10**9)
    senders = trial.durable.senders if trial.durable else 4
    for _ in range(rounds):
        with ThreadPoolExecutor(senders) as pool:
            sending = [pool.submit(_send_until_it_dies, container, trial, numbers, kills) for _ in range(senders)]
            _wait_for_more(kills, len(kills.acknowledged))
            time.sleep(random.uniform(0.5, 1.5))
            container.kill()
            for sender in sending:
                sender.result()
        container.restart()
        with closing(trial.connect(container)) as client:
            after = client.ask(trial.request(next(numbers)))
        assert after.ok, f"after the start: {after.status} {after.text[:300]}"
        kills.rounds += 1
    if trial.durable:
        kills.lost = lost(container, trial, kills.acknowledged)
    return kills


def _wait_for_more(kills: Kills, before: int) -> None:
    """Wait until another request is acknowledged, on a slow machine, too."""
    give_up = time.monotonic() + _OVER
    while len(kills.acknowledged) == before and time.monotonic() < give_up:
        time.sleep(_PAUSE)


def lost(container: Container, trial: Trial, acknowledged: Mapping[int, Answer]) -> list[int]:
    """Return the numbers of the acknowledged requests that the service does not have."""
    assert trial.durable, "only a service that keeps something can lose it"
    is_kept = trial.durable.is_kept
    with closing(trial.connect(container)) as client:
        return [number for number, answer in acknowledged.items() if not is_kept(client, number, answer)]


def _send_until_it_dies(container: Container, trial: Trial, numbers: Iterator[int], kills: Kills) -> None:
    with closing(trial.connect(container)) as client:
        while True:
            number = next(numbers)
            try:
                answer = client.ask(trial.request(number))
            except OSError:
                return
            if answer.ok:
                kills.acknowledged[number] = answer


def ask_side_by_side(container: Container, trial: Trial, asked: Sequence[Any]) -> list[Answer]:
    """Send all requests at the same time, and return their answers."""

    def answer(one: Any) -> Answer:
        with closing(trial.connect(container)) as client:
            return client.ask(one)

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(answer, asked))


def ask_until_it_answers(container: Container, trial: Trial, numbers: Iterator[int]) -> None:
    """Send requests until one is answered with 2xx. Fail when that takes too long."""
    give_up, last = time.monotonic() + _OVER, "nothing"
    while time.monotonic() < give_up:
        try:
            with closing(trial.connect(container)) as client:
                answer = client.ask(trial.request(next(numbers)))
        except OSError as error:
            last = type(error).__name__
        else:
            if answer.ok:
                return
            last = f"{answer.status} {answer.text[:200]}"
        time.sleep(_PAUSE)
    raise AssertionError(f"it does not answer after the fault: {last}")
