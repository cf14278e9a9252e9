"""Work is bounded, and what is small does not wait for what is large."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from servicekit.places import Busy
from servicekit.queueing import Queue, Turns


def run(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return asyncio.run(asyncio.wait_for(main(), timeout=10))


def test_a_request_that_finds_no_place_is_refused_until_one_ends() -> None:
    queue = Queue(running=1, waiting=1)
    with queue.place():
        with queue.place(), pytest.raises(Busy), queue.place():
            pass
        with queue.place():
            pass


def test_no_more_pieces_run_than_there_are_turns() -> None:
    turns, running, most = Turns(2), 0, 0

    async def piece() -> None:
        nonlocal running, most
        async with turns.taken():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    async def main() -> None:
        await asyncio.gather(*(piece() for _ in range(10)))

    run(main)
    assert most == 2


async def in_order_of_turns(seconds: list[float]) -> list[float]:
    """Let pieces of these seconds arrive while another one runs, and return the order in which they get a turn."""
    turns, order = Turns(1), []

    async def piece(expected: float) -> None:
        async with turns.taken(expected):
            order.append(expected)

    async with turns.taken():
        waiting = [asyncio.ensure_future(piece(expected)) for expected in seconds]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    return order


def test_a_note_overtakes_a_book() -> None:
    assert run(lambda: in_order_of_turns([100, 1, 2, 1])) == [1, 1, 2, 100]


def test_notes_overtake_a_book_only_for_as_long_as_it_takes() -> None:
    async def main() -> list[str]:
        turns, order = Turns(1), []

        async def piece(name: str, expected: float) -> None:
            async with turns.taken(expected):
                order.append(name)

        async with turns.taken():
            book = asyncio.ensure_future(piece("book", 0.02))
            await asyncio.sleep(0.03)
            note = asyncio.ensure_future(piece("note", 0.001))
            await asyncio.sleep(0)
        await asyncio.gather(book, note)
        return order

    assert run(main) == ["book", "note"]


@pytest.mark.parametrize("given", [False, True], ids=["while it waits", "as it gets its turn"])
def test_a_cancelled_piece_takes_no_turn(given: bool) -> None:
    async def main() -> None:
        turns = Turns(1)

        async def piece() -> None:
            async with turns.taken():
                pass

        async with turns.taken():
            leaving, staying = asyncio.ensure_future(piece()), asyncio.ensure_future(piece())
            await asyncio.sleep(0)
            if not given:
                leaving.cancel()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await staying
        async with turns.taken():
            pass

    run(main)
