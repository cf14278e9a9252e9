"""Test that connections to an SQLite file stay open, and that this hides neither later writes nor damage."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from servicekit.sqlite_file import SqliteFile

SCHEMA = "CREATE TABLE IF NOT EXISTS kept (value INTEGER);"
ALL = "SELECT value FROM kept ORDER BY value"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept.sqlite"


@pytest.fixture
def file(path: Path) -> SqliteFile:
    return SqliteFile(path, SCHEMA)


def insert(file: SqliteFile, *values: int) -> int:
    return file.write(lambda database: database.executemany("INSERT INTO kept VALUES (?)", zip(values)).rowcount)


def values(database: sqlite3.Connection) -> list[int]:
    return [value for (value,) in database.execute(ALL)]


def test_a_write_is_in_the_file_when_it_returns(file: SqliteFile, path: Path) -> None:
    assert insert(file, 1, 2) == 2
    with closing(sqlite3.connect(path)) as other:
        assert values(other) == [1, 2]


def test_reads_one_after_another_share_a_connection(file: SqliteFile) -> None:
    with file.reading() as first, file.reading() as beside:
        assert first is not beside
    with file.reading() as again:
        assert again in (first, beside)


def test_a_read_sees_one_state_of_the_file_and_the_next_read_sees_the_next(file: SqliteFile) -> None:
    insert(file, 1)
    with file.reading() as database, ThreadPoolExecutor(1) as pool:
        assert values(database) == [1]
        pool.submit(insert, file, 2).result(10)
        assert values(database) == [1]
    with file.reading() as database:
        assert values(database) == [1, 2]


def test_a_cursor_that_was_read_halfway_does_not_hold_the_log(file: SqliteFile, path: Path) -> None:
    insert(file, *range(5000))
    with file.reading() as database:
        assert database.execute(ALL).fetchone() == (0,)
    insert(file, 5000)
    with closing(sqlite3.connect(path)) as other:
        busy, *_ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert not busy


def test_the_connection_of_a_read_that_fails_is_closed(file: SqliteFile) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"), file.reading() as failed:
        failed.execute("SELECT * FROM absent")
    with file.reading() as database:
        assert database is not failed
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        failed.execute("SELECT 1")


def damaged(path: Path) -> Iterator[Path]:
    yield path
    yield path.with_name(f"{path.name}-wal")


def test_a_file_that_was_damaged_since_is_not_hidden_by_open_connections(file: SqliteFile, path: Path) -> None:
    insert(file, 1)
    with file.reading() as database:
        assert values(database) == [1]
    file.check()
    for part in damaged(path):
        part.write_bytes(b"no database" * 1000)
    with pytest.raises(sqlite3.DatabaseError):
        file.check()
    with pytest.raises(sqlite3.DatabaseError), file.reading() as database:
        values(database)


@pytest.mark.parametrize("left", [None, b""], ids=["removed", "empty"])
def test_a_probe_sees_a_file_that_is_gone_and_does_not_make_it_again(
    file: SqliteFile, path: Path, left: bytes | None
) -> None:
    file.check()
    for part in damaged(path):
        part.unlink()
    if left is not None:
        path.write_bytes(left)
    with pytest.raises(sqlite3.Error):
        file.check()
    assert path.exists() == (left is not None)
