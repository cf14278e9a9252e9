"""Keep an SQLite file for the threads of a service: its connections stay open, and its writes share commits.

A connection that stays open keeps the schema and its statements. When the last connection closes, SQLite copies the
write-ahead log into the file and removes the log; on a full disk, the next connection, which only reads, would not find
room for a new one.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from servicekit.checks import check_room
from servicekit.group_commit import Change, GroupCommit, T

#: In seconds: the wait for the writes of another process, and that of a probe.
_PATIENCE, _PROBE_PATIENCE = 10.0, 1.0


class SqliteFile:
    """Keep the file ``path``, whose folder exists. ``schema`` is a script that makes the missing tables.

    Every method raises sqlite3.Error when the file cannot be used. Reads and writes do not wait for each other.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._writes = GroupCommit(self._transaction)
        self._idle: deque[sqlite3.Connection] = deque()
        self._writer = _connect(path)
        weakref.finalize(self, _close, self._idle, self._writer)
        self._writer.execute("PRAGMA journal_mode = WAL")
        self._writer.execute("PRAGMA synchronous = FULL")
        self._writer.executescript(schema)

    def check(self) -> None:
        """Raise sqlite3.Error or OSError when the file cannot be read, or its disk is full.

        Writes nothing. The probe's own connection sees a file that was damaged or removed since the service opened it.
        """
        with closing(_connect(self._path, "ro", _PROBE_PATIENCE)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                raise sqlite3.DatabaseError("the file has no tables")
        check_room(self._path.parent)

    def write(self, change: Change[T]) -> T:
        """Return the result of ``change`` when it is on the disk. Changes of several threads share a transaction."""
        return self._writes.run(change)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction that reads. All its statements see the same state of the file.

        No cursor may outlive the transaction: the connection would stay at that state.
        """
        try:
            database = self._idle.pop()
        except IndexError:
            database = _connect(self._path, "rw")
        try:
            _forget_pages(database)
            database.execute("BEGIN")
            yield database
            database.rollback()
        except BaseException:
            database.close()
            raise
        self._idle.append(database)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writer as database:
            _forget_pages(database)
            database.execute("BEGIN IMMEDIATE")
            yield database


def _connect(path: Path, mode: str = "rwc", patience: float = _PATIENCE) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=patience, check_same_thread=False)


def _forget_pages(database: sqlite3.Connection) -> None:
    """Make the connection read the file again: pages that it kept would hide a file that was damaged since."""
    database.execute("PRAGMA shrink_memory")


def _close(idle: deque[sqlite3.Connection], writer: sqlite3.Connection) -> None:
    for database in (*idle, writer):
        database.close()
