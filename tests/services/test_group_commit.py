"""Test that changes of several threads share a transaction, and that one that fails harms no other."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from servicekit.group_commit import GroupCommit

INSERT = "INSERT INTO kept VALUES (?)"


class Database:
    """Open transactions on a file. Each waits until ``open`` is set, and is counted."""

    def __init__(self, path: Path) -> None:
        self.path, self.open, self.begun, self.started = path, threading.Event(), 0, threading.Event()
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE kept (value INTEGER UNIQUE)")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        self.begun += 1
        self.started.set()
        assert self.open.wait(10)
        with closing(sqlite3.connect(self.path)) as database, database:
            yield database

    def kept(self) -> list[int]:
        with closing(sqlite3.connect(self.path)) as database:
            return sorted(value for (value,) in database.execute("SELECT value FROM kept"))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "kept.sqlite")


def insert(commits: GroupCommit, value: int) -> int:
    commits.run(lambda database: database.execute(INSERT, (value,)))
    return value


def test_changes_that_wait_share_the_next_transaction(database: Database) -> None:
    commits = GroupCommit(database.transaction)
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(insert, commits, 0)
        assert database.started.wait(10)
        others = [pool.submit(insert, commits, value) for value in range(1, 6)]
        while len(commits.waiting) < 5:
            threading.Event().wait(0.001)
        database.open.set()
        assert [one.result() for one in (first, *others)] == [0, 1, 2, 3, 4, 5]
    assert (database.kept(), database.begun) == ([0, 1, 2, 3, 4, 5], 2)


def test_a_change_that_fails_fails_alone(database: Database) -> None:
    commits = GroupCommit(database.transaction)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(insert, commits, 0)
        assert database.started.wait(10)
        others = [pool.submit(insert, commits, value) for value in (1, 0, 2)]
        while len(commits.waiting) < 3:
            threading.Event().wait(0.001)
        database.open.set()
        assert first.result() == 0
        assert [type(one.exception()) for one in others] == [type(None), sqlite3.IntegrityError, type(None)]
    assert database.kept() == [0, 1, 2]
