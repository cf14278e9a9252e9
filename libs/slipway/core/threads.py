"""Run several calls concurrently, and let Ctrl-C stop slipway at any moment.

At its end, Python waits for the threads of the standard library's thread pools. The threads of this module end with
the process.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from graphlib import TopologicalSorter
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")
Returned = TypeVar("Returned")


def start_in_thread(work: Callable[[], Returned]) -> Future[Returned]:
    """Run ``work`` in a thread. The future has its result, or raises its exception."""
    future: Future[Returned] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def map_concurrently(work: Callable[[Item], Returned], items: Iterable[Item], *, at_once: int) -> list[Returned]:
    """Call ``work`` with every item, ``at_once`` at a time. Return the results in the order of the items.

    Raises the first exception, and then starts no further call.
    """
    todo = list(items)

    def work_on(index: int) -> Returned:
        return work(todo[index])

    with _Workers(work_on, min(at_once, len(todo))) as workers:
        for index in range(len(todo)):
            workers.add(index)
        results = dict(workers.next_result() for _ in todo)
    return [results[index] for index in range(len(todo))]


def map_in_dependency_order(
    work: Callable[[str], Returned], graph: Mapping[str, Collection[str]], *, at_once: int
) -> dict[str, Returned]:
    """Call ``work`` with every name once all its dependencies are done, ``at_once`` at a time.

    ``graph``: name → the names that it depends on. A name that is not a key of ``graph`` counts as done. Raises the
    first exception, and then starts no further call. Raises graphlib.CycleError before the first call.
    """
    sorter = TopologicalSorter({name: [below for below in graph[name] if below in graph] for name in graph})
    sorter.prepare()
    results: dict[str, Returned] = {}
    with _Workers(work, min(at_once, len(graph))) as workers:
        while sorter.is_active():
            for name in sorter.get_ready():
                workers.add(name)
            finished, result = workers.next_result()
            results[finished] = result
            sorter.done(finished)
    return {name: results[name] for name in graph}


class _Workers(Generic[Item, Returned]):
    """Run threads that call ``work`` with each added item. No call starts after the block ends."""

    def __init__(self, work: Callable[[Item], Returned], count: int) -> None:
        self._work = work
        self._count = count
        self._todo: queue.SimpleQueue[tuple[Item] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Item, Future[Returned]]] = queue.SimpleQueue()

    def __enter__(self) -> _Workers[Item, Returned]:
        for _ in range(self._count):
            threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._todo.get_nowait()
        for _ in range(self._count):
            self._todo.put(None)

    def add(self, item: Item) -> None:
        self._todo.put((item,))

    def next_result(self) -> tuple[Item, Returned]:
        """Wait for an item to finish. Return the item and its result, or raise its exception."""
        item, future = self._done.get()
        return item, future.result()

    def _run(self) -> None:
        while found := self._todo.get():
            future: Future[Returned] = Future()
            try:
                future.set_result(self._work(found[0]))
            except Exception as error:
                future.set_exception(error)
            self._done.put((found[0], future))
