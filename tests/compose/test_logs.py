"""Read logs: lines from pieces, merged by time, followed across a restart."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from slipway.compose.containers import Found
from slipway.compose.logs import Follower, Line, lines, read, seconds_of
from slipway.engine.container_state import State

RUNNING = State("running", 0, False, "", "", "", 0)


def at(second: int) -> str:
    return f"2026-11-26T10:00:{second:02d}.000000000Z"


def container(name: str) -> Found:
    return Found(f"id-{name}", name, name, {}, "", RUNNING, "", {})


def framed(written: bytes, stream: int = 1) -> bytes:
    """Return the output of a container, as the engine sends it."""
    return bytes([stream, 0, 0, 0]) + len(written).to_bytes(4) + written


class Logs:
    """An engine: each request for a container's log gets the next of its answers, then empty ones."""

    def __init__(self, logs: dict[str, list[Iterable[bytes]]], events: Iterable[dict[str, Any]] = ()) -> None:
        self.logs, self.events = logs, events
        self.asked: list[str] = []

    def stream(self, path: str) -> Iterable[bytes]:
        self.asked.append(path)
        answers = self.logs[path.split("/")[3]]
        return answers.pop(0) if answers else []

    def connect(self) -> Any:
        return SimpleNamespace(api=SimpleNamespace(events=lambda **_: self.events))

    def follower(self) -> Follower:
        return Follower(self.stream, self.connect, "p", (), since=0, tail="all")


ONE, ZWEI, LAST = f"{at(1)} one\r\n".encode(), f"{at(2)} zwei ü\n".encode(), f"{at(3)} last".encode()


@pytest.mark.parametrize(
    "whole",
    [ONE + ZWEI + LAST, framed(ONE) + framed(ZWEI[:8], 2) + framed(ZWEI[8:], 2) + framed(LAST)],
    ids=["terminal", "with headers"],
)
def test_lines_come_whole_from_pieces_of_any_size(whole: bytes) -> None:
    for size in (1, 2, 7, len(whole)):
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        found = [line for some in lines("a", pieces) for line in some]
        assert found == [Line(at(1), "a", "one"), Line(at(2), "a", "zwei ü"), Line(at(3), "a", "last")]


def test_the_logs_of_several_services_are_merged_by_time() -> None:
    engine = Logs(
        {
            "id-a": [[framed(f"{at(1)} first\n{at(4)} fourth\n".encode())]],
            "id-b": [[framed(f"{at(2)} second\n{at(3)} third\n".encode())]],
        }
    )
    found = read(engine.stream, [container("a"), container("b")], since=5.5, tail=20)
    assert [(line.service, line.text) for line in found] == [
        ("a", "first"),
        ("b", "second"),
        ("b", "third"),
        ("a", "fourth"),
    ]
    assert all("tail=20" in path and "since=5.5" in path and "follow=0" in path for path in engine.asked)


def taken(follower: Follower, count: int) -> list[Line]:
    """The first ``count`` lines; fewer if they do not arrive within 20 s."""
    given_up = threading.Timer(20, follower.stop)
    given_up.start()
    found: list[Line] = []
    for some in follower.lines():
        assert some, "an empty list would be written as an empty line"
        found += some
        if len(found) == count:
            follower.stop()
    given_up.cancel()
    return found


def test_following_goes_on_after_a_restart_without_a_line_twice() -> None:
    again = [f"{at(1)} before\n".encode(), f"{at(5)} after\n".encode()]

    def restarted() -> Iterator[dict[str, Any]]:
        yield {"id": "id-a", "Actor": {"Attributes": {"com.docker.compose.service": "a"}}}

    follower = Logs({"id-a": [[again[0]], again]}, restarted()).follower()
    follower.start([container("a")])
    assert [line.text for line in taken(follower, 2)] == ["before", "after"]


def test_lines_that_arrive_together_are_put_in_order() -> None:
    logs: dict[str, list[Iterable[bytes]]] = {
        "id-a": [[f"{at(2)} second\n".encode()]],
        "id-b": [[f"{at(1)} first\n{at(3)} third\n".encode()]],
    }
    follower = Logs(logs).follower()
    follower.start([container("a"), container("b")])
    assert [line.text for line in taken(follower, 3)] == ["first", "second", "third"]


def test_a_time_of_the_engine_in_seconds() -> None:
    assert seconds_of("1970-01-01T00:01:00.500000000Z") == 60.5
