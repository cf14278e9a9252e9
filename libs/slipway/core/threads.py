"""Several things at once, and Ctrl-C at any moment: a thread pool of the standard library waits for its threads."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(work: Callable[[], R]) -> Future[R]:
    """``work``, begun in a thread that ends with the process; its result, or what it raised, is had when asked for."""
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def each(work: Callable[[T], R], items: Iterable[T], *, at_once: int) -> list[R]:
    """``work`` of every item, in their order, ``at_once`` at a time.

    Raises the first exception that comes; what has not begun then never does. The threads end with the process.
    """
    todo = list(items)
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, R | None, Exception | None]] = queue.SimpleQueue()
    stop = threading.Event()
    for index in range(len(todo)):
        waiting.put(index)

    def worker() -> None:
        while not stop.is_set():
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((index, work(todo[index]), None))
            except Exception as error:
                done.put((index, None, error))

    for _ in range(min(at_once, len(todo))):
        threading.Thread(target=worker, daemon=True).start()
    results: dict[int, R] = {}
    try:
        for _ in todo:
            index, result, error = done.get()
            if error:
                raise error
            results[index] = result  # type: ignore[assignment]
    finally:
        stop.set()
    return [results[index] for index in range(len(todo))]


def along(work: Callable[[str], R], graph: Mapping[str, Collection[str]], *, at_once: int) -> dict[str, R]:
    """``work`` of every name, each as soon as all that it stands on are done, ``at_once`` at a time.

    Names that are not keys of ``graph`` count as done. Raises the first exception that comes; what has not begun then
    never does.
    """
    ready: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[str, R | None, Exception | None]] = queue.SimpleQueue()
    lacking = {name: {below for below in graph[name] if below in graph} for name in graph}

    def worker() -> None:
        while (name := ready.get()) is not None:
            try:
                done.put((name, work(name), None))
            except Exception as error:
                done.put((name, None, error))

    workers = min(at_once, len(graph))
    for _ in range(workers):
        threading.Thread(target=worker, daemon=True).start()
    for name in [name for name in lacking if not lacking[name]]:
        ready.put(name)
    results: dict[str, R] = {}
    try:
        for _ in graph:
            finished, result, error = done.get()
            if error:
                raise error
            results[finished] = result  # type: ignore[assignment]
            for name in graph:
                if finished in lacking[name]:
                    lacking[name].remove(finished)
                    if not lacking[name]:
                        ready.put(name)
    finally:
        with contextlib.suppress(queue.Empty):
            while True:
                ready.get_nowait()
        for _ in range(workers):
            ready.put(None)
    return {name: results[name] for name in graph}
