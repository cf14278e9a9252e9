"""Wait for changes that an engine reports."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from slipway.compose.changes import Changes

LONG = 60.0


class Engine:
    """An engine whose events the test writes. An exception ends them."""

    def __init__(self) -> None:
        self.events: queue.Queue[bytes | Exception] = queue.Queue()
        self.asked = ""

    def stream(self, path: str) -> Iterator[bytes]:
        self.asked = path
        while True:
            event = self.events.get(timeout=LONG)
            if isinstance(event, Exception):
                raise event
            yield event


@pytest.fixture
def engine() -> Engine:
    return Engine()


def test_a_wait_ends_with_the_next_change(engine: Engine) -> None:
    changes = Changes(engine.stream, "shop-web", LONG)
    engine.events.put(b"{}")
    before = time.monotonic()
    changes.wait(LONG)
    assert time.monotonic() - before < LONG


def test_a_change_between_two_waits_counts(engine: Engine) -> None:
    changes = Changes(engine.stream, "shop-web", LONG)
    changes.notice()
    changes.wait(LONG)
    before = time.monotonic()
    changes.wait(0.01)
    assert time.monotonic() - before >= 0.01, "one change ends one wait"


def test_waits_are_short_after_the_engine_is_lost(engine: Engine) -> None:
    changes = Changes(engine.stream, "shop-web", LONG)
    engine.events.put(OSError("lost"))
    before = time.monotonic()
    for _ in range(3):
        changes.wait(LONG)
    assert time.monotonic() - before < LONG


def test_the_engine_is_asked_for_the_containers_of_the_project_until_the_deadline(engine: Engine) -> None:
    changes = Changes(engine.stream, "shop-web", 30.0)
    engine.events.put(b"{}")
    changes.wait(LONG)
    words = parse_qs(urlsplit(engine.asked).query)
    filters = json.loads(words["filters"][0])
    assert filters["label"] == ["com.docker.compose.project=shop-web"]
    assert "health_status" in filters["event"] and "exec_start" not in filters["event"]
    assert 0 < float(words["until"][0]) - time.time() <= 31
