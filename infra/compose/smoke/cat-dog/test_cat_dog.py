"""Test cat-dog as a system: answers are kept in the volume, and are right while Redis is dead or hangs."""

from __future__ import annotations

import io
import time
from typing import Any

import requests
from PIL import Image

from slipway.testing.plugin import RunningSystem

SECONDS = 30


def classify(system: RunningSystem, brightness: int) -> dict[str, Any]:
    """Send a grey picture, and return the answer."""
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), (brightness, brightness, 99)).save(picture, "PNG")
    reply = requests.post(f"{system.url('app')}/classify", files={"file": picture.getvalue()}, timeout=SECONDS)
    assert reply.status_code == 200, reply.text
    told: dict[str, Any] = reply.json()
    return told


def wait_until_cached(system: RunningSystem, brightness: int) -> dict[str, Any]:
    end = time.monotonic() + SECONDS
    while not (told := classify(system, brightness))["cached"]:
        assert time.monotonic() < end, "the app does not use Redis"
        time.sleep(0.2)
    return told


def test_an_answer_is_kept_and_survives_a_kill_of_redis(system: RunningSystem) -> None:
    before = classify(system, 1)
    wait_until_cached(system, 1)
    redis = system.service("redis")
    redis.kill()
    dead = [classify(system, brightness) for brightness in (1, 2)]
    assert dead[0] == before and not dead[1]["cached"]
    redis.start()
    redis.wait_until_healthy()
    assert wait_until_cached(system, 1) == before | {"cached": True}


def test_answers_are_right_while_redis_hangs(system: RunningSystem) -> None:
    before = wait_until_cached(system, 3) | {"cached": False}
    redis = system.service("redis")
    redis.pause()
    try:
        assert [classify(system, 3) for _ in range(10)] == [before] * 10
    finally:
        redis.unpause()
    assert wait_until_cached(system, 3) == before | {"cached": True}


def test_the_app_starts_after_redis_and_only_the_app_is_published(system: RunningSystem) -> None:
    assert list(system.urls) == ["app"]
    assert system.service("redis").run("redis-cli", "ping").strip() == "PONG"
    assert requests.get(f"{system.url('app')}/ready", timeout=SECONDS).status_code == 200
