"""Send the requests of a trial to a running container, and measure its answers."""

from __future__ import annotations

import itertools
import random
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import requests

from apps.trials.frame import Request, Trial
from slipway.core.errors import SmokeError
from slipway.testing.plugin import Container

_BUSY = 503
_PEAK = """
import pathlib, re
peaks = (re.search(r"VmHWM:\\s+(\\d+)", path.read_text()) for path in pathlib.Path("/proc").glob("[0-9]*/status"))
print(sum(int(peak[1]) for peak in peaks if peak) // 1000)
"""


@dataclass
class Probes:
    """Collect the seconds until ``/live`` and ``/ready`` answered, and the probes that failed."""

    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def slowest(self) -> float:
        return max(self.seconds, default=0.0)


@contextmanager
def probing(container: Container, pause: float = 0.1) -> Iterator[Probes]:
    """Ask the probes all the time while the context is open, and at least once."""
    probes, ended = Probes(), Event()

    def probe() -> None:
        with quiet_session() as session:
            for path in itertools.cycle(("/live", "/ready")):
                began = time.monotonic()
                try:
                    answer = session.get(container.url + path, timeout=30)
                except requests.RequestException as error:
                    probes.failed.append(f"{path}: {type(error).__name__}")
                else:
                    probes.failed += [] if answer.ok else [f"{path}: {answer.status_code}"]
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


@dataclass(frozen=True)
class Load:
    """Hold the outcome of a load: answers, seconds of each, refusals with 503, failures, and the probes."""

    seconds: float
    answers: Sequence[float]
    refused: int
    failed: Sequence[str]
    probes: Probes
    peak: int

    def quantile(self, share: float) -> float:
        """Return the milliseconds within which this share of the answers came."""
        ordered = sorted(self.answers) or [0.0]
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


def put_load(container: Container, trial: Trial, seconds: float) -> Load:
    """Let the trial's clients send requests for ``seconds``."""
    numbers, until = itertools.count(), time.monotonic() + seconds
    answers: list[float] = []
    refused: list[int] = []
    failed: list[str] = []

    def client() -> None:
        with quiet_session() as session:
            while time.monotonic() < until:
                began = time.monotonic()
                try:
                    answer = ask(session, container.url, trial.request(next(numbers)))
                except requests.RequestException as error:
                    failed.append(type(error).__name__)
                    continue
                if answer.ok:
                    answers.append(time.monotonic() - began)
                elif answer.status_code == _BUSY and "retry-after" in answer.headers:
                    refused.append(answer.status_code)
                    time.sleep(0.1)
                else:
                    failed.append(f"{answer.status_code} {answer.text[:200]}")

    with probing(container) as probes, ThreadPoolExecutor(trial.clients) as pool:
        for done in [pool.submit(client) for _ in range(trial.clients)]:
            done.result()
    return Load(seconds, answers, len(refused), failed, probes, peak(container))


@dataclass
class Kills:
    """Count the acknowledged requests of all rounds, and name those that are lost."""

    rounds: int = 0
    acknowledged: dict[int, Any] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)


def kill_again_and_again(container: Container, trial: Trial, rounds: int) -> Kills:
    """Send requests, kill the container in the middle and start it again; look for every acknowledged request."""
    assert trial.durable, "only a service that keeps something is killed"
    kills, numbers = Kills(), itertools.count(10**9)
    for _ in range(rounds):
        with ThreadPoolExecutor(trial.durable.senders) as pool:
            senders = [pool.submit(_send_until_it_dies, container.url, trial, numbers, kills) for _ in range(4)]
            time.sleep(random.uniform(0.5, 1.5))
            container.kill()
            for sender in senders:
                sender.result()
        container.restart()
        kills.rounds += 1
    for number, answer in kills.acknowledged.items():
        if not trial.durable.is_kept(container, number, answer):
            kills.lost.append(number)
    return kills


def _send_until_it_dies(url: str, trial: Trial, numbers: Iterator[int], kills: Kills) -> None:
    with quiet_session() as session:
        while True:
            number = next(numbers)
            try:
                answer = ask(session, url, trial.request(number))
            except requests.RequestException:
                return
            if answer.ok:
                kills.acknowledged[number] = answer.json()


def ask(session: requests.Session, url: str, request: Request) -> requests.Response:
    return session.request(request.method, url + request.path, timeout=120, **request.options)


def ask_side_by_side(container: Container, made: Sequence[Request]) -> list[int]:
    """Send all requests at the same time, and return the statuses of their answers."""

    def status(request: Request) -> int:
        with quiet_session() as session:
            return ask(session, container.url, request).status_code

    with ThreadPoolExecutor(len(made)) as pool:
        return list(pool.map(status, made))


def ask_raw(url: str, sent: bytes, seconds: float) -> int:
    """Send bytes over a connection, and return the status of the answer."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=seconds) as connection:
        connection.sendall(sent)
        head = connection.makefile("rb").readline()
    if not head.startswith(b"HTTP/1.1 "):
        raise SmokeError(f"no HTTP answer: {head[:50]!r}")
    return int(head.split()[1])


def quiet_session() -> requests.Session:
    """Return a session without a proxy and without retries."""
    session = requests.Session()
    session.trust_env = False
    return session


def peak(container: Container) -> int:
    """Return the largest resident memory of the container's processes so far, in MB."""
    return int(container.exec("python", "-c", _PEAK).output)
