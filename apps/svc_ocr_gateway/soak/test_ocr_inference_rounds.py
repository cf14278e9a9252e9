"""Measure the gateway and its model service together: 16 clients for a minute, and 20 kills under load."""

from __future__ import annotations

import io
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from PIL import Image, ImageDraw, ImageFont

from slipway.testing.plugin import Container, Stack

pytestmark = pytest.mark.soak

CLIENTS, SECONDS, KILLS = 16, 60, 20
LINES = [f"Line {number}: seven crates of green apples for Harbour Lane" for number in range(1, 41)]
#: At each kill, some requests are answered, some are read and some wait.
FEW = LINES[:2]


@dataclass
class Log:
    """Keep the seconds of each answer by its status, and the texts that were not those of the page."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=Counter)

    @property
    def statuses(self) -> dict[int, int]:
        return {status: len(seconds) for status, seconds in sorted(self.seconds.items())}


def page(lines: Sequence[str]) -> bytes:
    """Return a page of 150 dpi with the lines, as PNG. Forty lines fill A4."""
    image = Image.new("L", (1240, 114 + 41 * len(lines)), 255)
    for row, line in enumerate(lines):
        ImageDraw.Draw(image).text((100, 60 + 41 * row), line, fill=0, font=ImageFont.load_default(26))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def ask(url: str, lines: Sequence[str], data: bytes, log: Log) -> None:
    """Upload the page with the lines, and log the answer."""
    began = time.monotonic()
    try:
        answer = requests.post(f"{url}/read", files={"file": ("page.png", data)}, timeout=300)
    except requests.RequestException as error:
        log.broken[type(error).__name__] += 1
        time.sleep(0.1)
        return
    log.seconds.setdefault(answer.status_code, []).append(time.monotonic() - began)
    if answer.status_code == 200 and answer.json()["text"].split() != " ".join(lines).split():
        log.wrong.append(answer.json()["text"])


@contextmanager
def load(url: str, lines: Sequence[str], log: Log) -> Iterator[None]:
    """Keep 16 clients uploading a page while the context is open."""
    data, over = page(lines), threading.Event()

    def client() -> None:
        while not over.is_set():
            ask(url, lines, data, log)

    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(client) for _ in range(CLIENTS)]
        try:
            yield
        finally:
            over.set()
    for one in running:
        one.result()


def started(stack: Stack) -> tuple[Container, Container]:
    model = stack.start("svc-ocr-model", memory="2g")
    url = "http://svc-ocr-model:8080/v2/models/ocr-model/infer"
    patient = {"KSERVE_URL": url, "KSERVE_SECONDS": "300"}  # the tests do not depend on the machine's speed
    return model, stack.start("svc-ocr-gateway", env=patient, memory="512m")


def peak(container: Container) -> str:
    """Return the most memory that the container used so far, as its control group counts it (version 2, else 1)."""
    script = "cat /sys/fs/cgroup/memory.peak || cat /sys/fs/cgroup/memory/memory.max_usage_in_bytes"
    told = container.exec("sh", "-c", f"({script}) 2> /dev/null")
    return f"{int(told.output) / 1e6:.0f} MB"


def probe(container: Container, every: float, until: threading.Event) -> list[float]:
    seconds: list[float] = []
    while not until.wait(every):
        began = time.monotonic()
        assert container.get("/ready").status_code == 200
        seconds.append(time.monotonic() - began)
    return seconds


def test_16_clients_for_a_minute(stack: Stack) -> None:
    model, gateway = started(stack)
    print(f"idle: model {peak(model)}, gateway {peak(gateway)}")
    log, over = Log(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        probes = pool.submit(probe, model, 0.5, over)
        with load(gateway.url, LINES, log):
            time.sleep(SECONDS)
        over.set()
        waited = probes.result()
    seconds = sorted(log.seconds[200])
    at: Callable[[float], float] = lambda share: seconds[int(share * (len(seconds) - 1))]  # noqa: E731
    print(f"{len(seconds) / SECONDS:.2f} pages/s, p50 {at(0.5):.1f} s, p99 {at(0.99):.1f} s, {log.statuses}")
    print(f"/ready of the model: p50 {statistics.median(waited) * 1000:.0f} ms, max {max(waited) * 1000:.0f} ms")
    print(f"peak: model {peak(model)}, gateway {peak(gateway)}")
    assert log.statuses.keys() == {200} and not log.broken and not log.wrong


@pytest.mark.parametrize("victim", ["svc-ocr-model", "svc-ocr-gateway"])
def test_20_kills_under_load(stack: Stack, victim: str) -> None:
    """A killed model service is a 502, and each service is healthy again within seconds."""
    containers = dict(zip(("svc-ocr-model", "svc-ocr-gateway"), started(stack), strict=True))
    gateway, log, starts = containers["svc-ocr-gateway"], Log(), []
    for _ in range(KILLS):
        with load(gateway.url, FEW, log):
            time.sleep(2)
            containers[victim].kill()
        began = time.monotonic()
        containers[victim].restart()
        starts.append(time.monotonic() - began)
        assert containers[victim].exec("ls", "-A", "/tmp").output == ""
    after = Log()
    ask(gateway.url, FEW, page(FEW), after)
    print(f"{victim}: {log.statuses}, broken {dict(log.broken)}, healthy again after {max(starts):.1f} s at most")
    assert after.statuses == {200: 1} and not log.wrong and not after.wrong
    assert log.statuses.keys() <= {200, 502}


def test_a_model_service_that_hangs_is_a_504(stack: Stack) -> None:
    stack.start("svc-ocr-model")
    url = "http://svc-ocr-model:8080/v2/models/ocr-model/infer"
    gateway = stack.start("svc-ocr-gateway", env={"KSERVE_URL": url, "KSERVE_SECONDS": "0.5"})
    log = Log()
    with load(gateway.url, FEW, log):
        time.sleep(10)
    print(log.statuses)
    assert log.statuses.keys() <= {200, 504} and log.statuses[504]
    answer: Any = gateway.get("/ready")
    assert answer.status_code == 200
