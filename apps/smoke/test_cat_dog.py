"""Test svc-cat-dog with its Redis: answers are kept, and no fault of Redis makes an answer wrong or a request fail.

``nox -s services`` puts load on both, and kills them.
"""

from __future__ import annotations

import io
import re
import time
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image, ImageDraw

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
