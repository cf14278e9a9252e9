"""Test svc-cat-dog with its Redis: answers are kept, and no fault of Redis makes an answer wrong or a request fail.

``CAT_DOG_KILLS`` sets how often Redis is killed under load, ``CAT_DOG_SECONDS`` how long sixteen clients ask.
"""

from __future__ import annotations

import io
import itertools
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageDraw

KILLS = int(os.environ.get("CAT_DOG_KILLS", "2"))
SECONDS = float(os.environ.get("CAT_DOG_SECONDS", "3"))
CLIENTS = 16
WRITERS = 4
#: Seconds of load before each kill.
LOAD = 1.0
#: Seconds that Redis rests after it did not answer.
REST = 1.0
#: After this time the service has noticed that Redis is back.
NOTICED = 20.0


def picture(number: int) -> bytes:
    """Return a picture that no other number has."""
    image = Image.new("RGB", (48, 48), (number % 256, number // 256 % 256, 90))
    ImageDraw.Draw(image).ellipse((8, 8 + number % 20, 40, 40), fill=(200, number * 7 % 256, 30))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def classify(app: Any, number: int) -> dict[str, Any]:
    answer = app.post("/classify", files={"file": ("picture.png", picture(number))})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def same(told: dict[str, Any], before: dict[str, Any]) -> bool:
    return {**told, "cached": None} == {**before, "cached": None}


@dataclass
class System:
    app: Any
    redis: Any

    def classified_in(self, numbers: range) -> tuple[list[dict[str, Any]], list[float]]:
        """Return the answers, and the seconds that each took."""
        answers, seconds = [], []
        for number in numbers:
            began = time.monotonic()
            answers.append(classify(self.app, number))
            seconds.append(time.monotonic() - began)
        return answers, seconds

    def lookups(self, outcome: str) -> float:
        """Return how many look-ups in Redis had this outcome."""
        found = re.search(rf'^cat_dog_cache_total{{outcome="{outcome}"}} (.*)$', self.app.get("/metrics").text, re.M)
        return float(found[1]) if found else 0

    def wait_until_cached(self, number: int) -> dict[str, Any]:
        give_up = time.monotonic() + NOTICED
        while not (told := classify(self.app, number))["cached"]:
            assert time.monotonic() < give_up, "the service does not use Redis"
            time.sleep(0.05)
        return told


@pytest.fixture
def system(stack: Any) -> System:
    redis = stack.start("svc-redis", volumes={"redis-data": "/data"})
    app = stack.start("svc-cat-dog", env={"REDIS_HOST": "svc-redis", "REDIS_REST_SECONDS": f"{REST}"})
    return System(app, redis)


def test_an_answer_is_kept_and_outlives_both_containers(system: System) -> None:
    before = classify(system.app, 1)
    assert not before["cached"]
    assert same(system.wait_until_cached(1), before)
    system.redis.kill()
    system.redis.restart()
    system.app.restart()
    assert same(system.wait_until_cached(1), before)


def test_answers_are_right_while_redis_is_dead_and_when_it_is_back(system: System) -> None:
    before, _ = system.classified_in(range(10))
    system.wait_until_cached(9)
    system.redis.kill()
    dead, seconds = system.classified_in(range(10))
    assert all(map(same, dead, before)) and not any(one["cached"] for one in dead)
    assert sum(seconds) < 10, seconds
    assert system.app.get("/ready").status_code == 200
    system.redis.restart()
    assert same(system.wait_until_cached(9), before[9])


def test_answers_are_right_while_redis_hangs_and_few_requests_wait_for_it(system: System) -> None:
    before, _ = system.classified_in(range(10))
    system.wait_until_cached(9)
    asked = system.lookups("failed")
    system.redis.pause()
    try:
        hanging, seconds = system.classified_in(range(40))
        ready = system.app.get("/ready")
    finally:
        system.redis.unpause()
    assert all(map(same, hanging, before)) and not any(one["cached"] for one in hanging)
    waited = system.lookups("failed") - asked
    assert 1 <= waited <= sum(seconds) / REST + 1, "Redis rests after each request that it did not answer"
    assert ready.status_code == 200
    assert same(system.wait_until_cached(9), before[9])


def test_sixteen_clients_get_right_answers_and_probes_stay_quick(system: System) -> None:
    """Each client sends new pictures and pictures that others have sent; a probe is sent beside them."""
    expected = {number: classify(system.app, number)["probabilities"] for number in range(50)}
    ends = time.monotonic() + SECONDS

    def client(first: int) -> list[float]:
        seconds = []
        for number in itertools.count(first, CLIENTS):
            if time.monotonic() > ends:
                break
            for sent in (number % 50, 1000 + number):
                began = time.monotonic()
                told = classify(system.app, sent)
                seconds.append(time.monotonic() - began)
                assert told["probabilities"] == expected.get(sent, told["probabilities"])
        return seconds

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(client, first) for first in range(CLIENTS)]
        probes = []
        while time.monotonic() < ends:
            began = time.monotonic()
            assert system.app.get("/ready").status_code == 200
            probes.append(time.monotonic() - began)
            time.sleep(0.1)
        seconds = sorted(one for client_ in clients for one in client_.result())
    half, most, probe = seconds[len(seconds) // 2], seconds[len(seconds) * 99 // 100], max(probes)
    print(f"{len(seconds) / SECONDS:.0f} answers a second; median {half:.3f} s, 99 % {most:.3f} s, probe {probe:.3f} s")
    assert len(seconds) > 10 * SECONDS
    assert probe < 4, "the health check gives up after 4 s"


def test_no_acknowledged_write_is_lost_when_redis_is_killed_under_load(stack: Any) -> None:
    """Kill Redis while writers set keys. After each start it has every key whose OK a writer has seen."""
    redis = stack.start("svc-redis", volumes={"redis-data": "/data"})
    acknowledged: dict[str, str] = {}
    for kill in range(KILLS):
        load = Load(redis.url, prefix=f"{kill}")
        with ThreadPoolExecutor(WRITERS) as pool:
            writing = [pool.submit(load.write, writer) for writer in range(WRITERS)]
            time.sleep(LOAD * 0.7)
            redis.exec("redis-cli", "BGREWRITEAOF")
            time.sleep(LOAD * 0.3)
            redis.kill()
            for one in writing:
                one.result()
        assert len(load.acknowledged) > 50, "the writers wrote too little before the kill"
        acknowledged |= load.acknowledged
        redis.restart()
        kept = Connection(redis.url).values(list(acknowledged))
        lost = [key for key, value in acknowledged.items() if kept[key] != value]
        assert not lost, f"kill {kill}: {len(lost)} of {len(acknowledged)} acknowledged writes are lost: {lost[:5]}"
    print(f"{KILLS} kills, {len(acknowledged)} acknowledged writes, none lost")


@dataclass
class Load:
    """Writers that set keys in a Redis until it ends."""

    url: str
    prefix: str
    acknowledged: dict[str, str] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def write(self, writer: int) -> None:
        try:
            connection = Connection(self.url)
            for number in range(1_000_000):
                key, value = f"{self.prefix}-{writer}-{number}", f"{number}" * 20
                if connection.ask("SET", key, value) != b"OK":
                    return
                with self._turn:
                    self.acknowledged[key] = value
        except OSError:
            return


class Connection:
    """A connection to a Redis that sends one command at a time."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._socket = socket.create_connection((place.hostname, place.port), timeout=30)
        self._read = self._socket.makefile("rb")

    def ask(self, *words: str) -> Any:
        parts = [word.encode() for word in words]
        self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self._reply()

    def values(self, keys: list[str]) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for some in in_pieces(keys, 1000):
            values: list[bytes | None] = self.ask("MGET", *some)
            found |= {
                key: value.decode() if value is not None else None for key, value in zip(some, values, strict=True)
            }
        return found

    def _reply(self) -> Any:
        line = self._read.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            size = int(rest)
            return self._read.read(size + 2)[:-2] if size >= 0 else None
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))]
        return rest if kind == b"+" else line


def in_pieces(keys: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
