"""Bound the work of a service: some requests run, some wait for their turn, all others are refused immediately.

    queue = Queue(running=settings.readers, waiting=settings.max_waiting)

    with queue.place():                                  # Busy: create_app answers 503 with Retry-After
        async with receive_upload(request, settings.max_bytes) as upload:
            data = await upload.read()
        return await while_connected(request, lambda: work(data))     # ends when the client leaves

    async def work(data: bytes) -> Answer:
        async with queue.turn(seconds=len(data) / BYTES_PER_SECOND):
            return await parsers.run(read, data)

Take the place before the body is read, because bodies take memory. A small piece of work overtakes a large one that
waits (``Turns``). Work that takes long gives its turn back now and then, so that others overtake it while it runs:

    for batch in batches:
        async with queue.turn(seconds=len(batch) / PASSAGES_PER_SECOND):
            await run_in_threadpool(embed, batch)
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager

from servicekit.places import Places


class Queue:
    """Let ``running`` pieces of work run and ``waiting`` more requests wait."""

    def __init__(self, running: int, waiting: int) -> None:
        self._places, self._turns = Places(running + waiting), Turns(running)

    def place(self) -> AbstractContextManager[None]:
        """Take a place for a request while the context is open. Raises Busy when none is free."""
        return self._places.taken()

    def turn(self, seconds: float = 0.0) -> AbstractAsyncContextManager[None]:
        """Wait for the turn of a piece of work that takes about ``seconds``, and hold it while the context is open."""
        return self._turns.taken(seconds)


class Turns:
    """Let ``running`` pieces of work run at a time. The others wait.

    The next one is the one that would have ended first without the others: its arrival plus its ``seconds`` decide. So
    a note overtakes a book, and notes overtake a book for no longer than the book itself takes.
    """

    def __init__(self, running: int) -> None:
        self._free = running
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._arrivals = itertools.count()

    @asynccontextmanager
    async def taken(self, seconds: float = 0.0) -> AsyncIterator[None]:
        """Wait for a turn, and hold it while the context is open. All users run in one event loop."""
        await self._take(seconds)
        try:
            yield
        finally:
            self._give()

    async def _take(self, seconds: float) -> None:
        if self._free:
            self._free -= 1
            return
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._waiting, (loop.time() + seconds, next(self._arrivals), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the turn was given in the moment of the cancellation
                self._give()
            raise

    def _give(self) -> None:
        """Give a turn to the next one that still waits."""
        while self._waiting:
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
