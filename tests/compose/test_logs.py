"""Read logs: lines from pieces, merged by time, followed across a restart."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

from slipway.compose.containers import Found
from slipway.compose.logs import Follower, Line, lines, read, seconds_of
from slipway.engine.container_state import State

RUNNING = State("running", 0, False, "", "", "", 0)


def at(second: int) -> str:
    return f"2026-11-26T10:00:{second:02d}.000000000Z"


def container(name: str) -> Found:
    return Found(f"id-{name}", name, name, {}, "", RUNNING, "", {})


def client(logs: dict[str, list[Iterable[bytes]]], events: Iterable[dict[str, Any]] = ()) -> Any:
    """An engine's client: each request for a container's log gets the next of its answers, then empty ones."""

    def answer(container: str, **_: object) -> Iterable[bytes]:
        return logs[container].pop(0) if logs[container] else []

    return SimpleNamespace(api=SimpleNamespace(logs=answer, events=lambda **_: events))


def test_lines_come_whole_from_pieces_of_any_size() -> None:
    whole = f"{at(1)} one\r\n{at(2)} zwei ü\n{at(3)} last".encode()
    for size in (1, 2, 7, len(whole)):
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert [line.text for line in lines("a", pieces)] == ["one", "zwei ü", "last"]


def test_the_logs_of_several_services_are_merged_by_time() -> None:
    logs: dict[str, list[Iterable[bytes]]] = {
        "id-a": [[f"{at(1)} first\n{at(4)} fourth\n".encode()]],
        "id-b": [[f"{at(2)} second\n{at(3)} third\n".encode()]],
    }
    found = read(client(logs), [container("a"), container("b")])
    assert [(line.service, line.text) for line in found] == [
        ("a", "first"),
        ("b", "second"),
        ("b", "third"),
        ("a", "fourth"),
    ]


def taken(follower: Follower, count: int) -> list[Line]:
    """The first ``count`` lines; fewer if they do not arrive within 20 s."""
    given_up = threading.Timer(20, follower.stop)
    given_up.start()
    found: list[Line] = []
    for line in follower.lines():
        found.append(line)
        if len(found) == count:
            follower.stop()
    given_up.cancel()
    return found


def test_following_goes_on_after_a_restart_without_a_line_twice() -> None:
    again = [f"{at(1)} before\n".encode(), f"{at(5)} after\n".encode()]

    def restarted() -> Iterator[dict[str, Any]]:
        yield {"id": "id-a", "Actor": {"Attributes": {"com.docker.compose.service": "a"}}}

    logs: dict[str, list[Iterable[bytes]]] = {"id-a": [[again[0]], again]}
    follower = Follower(lambda: client(logs, restarted()), "p", (), since=0, tail="all")
    follower.start([container("a")])
    assert [line.text for line in taken(follower, 2)] == ["before", "after"]


def test_lines_that_arrive_together_are_put_in_order() -> None:
    logs: dict[str, list[Iterable[bytes]]] = {
        "id-a": [[f"{at(2)} second\n".encode()]],
        "id-b": [[f"{at(1)} first\n{at(3)} third\n".encode()]],
    }
    follower = Follower(lambda: client(logs), "p", (), since=0, tail="all")
    follower.start([container("a"), container("b")])
    assert [line.text for line in taken(follower, 3)] == ["first", "second", "third"]


def test_a_time_of_the_engine_in_seconds() -> None:
    assert seconds_of("1970-01-01T00:01:00.500000000Z") == 60.5
