"""Several things at once, and Ctrl-C at any moment: a thread pool of the standard library waits for its threads."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


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
