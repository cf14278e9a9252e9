"""Commit the changes of many threads in few transactions, because most of a commit's time is the disk's."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, TypeVar

T = TypeVar("T")
Change = Callable[[sqlite3.Connection], T]
#: Opens a transaction: it is committed when the context ends, and rolled back after an exception.
Transaction = Callable[[], AbstractContextManager[sqlite3.Connection]]


class GroupCommit:
    """Run changes in transactions. Changes that are ``waiting`` while one is committed share the next transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._writing = threading.Lock()
        self.waiting: deque[tuple[Change[Any], Future[Any]]] = deque()

    def run(self, change: Change[T]) -> T:
        """Return the result of ``change`` after it was committed. Raises its exception, or that of the commit."""
        outcome: Future[T] = Future()
        self.waiting.append((change, outcome))
        with self._writing:
            if not outcome.done():  # the thread that wrote before has not taken this change
                self._commit([self.waiting.popleft() for _ in range(len(self.waiting))])
        return outcome.result()

    def _commit(self, changes: Sequence[tuple[Change[Any], Future[Any]]]) -> None:
        """Commit the changes together; when that fails, each by itself, so that each fails for its own reason."""
        try:
            with self._transaction() as database:
                results = [change(database) for change, _ in changes]
        except Exception as error:
            if len(changes) == 1:
                changes[0][1].set_exception(error)
                return
            for one in changes:
                self._commit([one])
        else:
            for (_, outcome), result in zip(changes, results, strict=True):
                outcome.set_result(result)
