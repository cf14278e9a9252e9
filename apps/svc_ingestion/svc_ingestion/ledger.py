"""Keep a record of each document, and the queue of pending deliveries, in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from servicekit.sqlite_file import SqliteFile
from svc_ingestion.documents import Delivery, Document, State

_SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    id TEXT PRIMARY KEY, name TEXT, media_type TEXT, size INTEGER, received TEXT,
    state TEXT, attempts INTEGER, reason TEXT, result TEXT, due REAL
);
CREATE INDEX IF NOT EXISTS document_received ON document (received);
CREATE INDEX IF NOT EXISTS document_state ON document (state, received);
CREATE INDEX IF NOT EXISTS document_pending ON document (due) WHERE state = 'pending';
"""
#: Columns that the first version did not have.
_LATER = {"crashes": "INTEGER NOT NULL DEFAULT 0"}
_DESCRIBED = "id, name, media_type, size, received, state, attempts, reason"
_WHOLE = f"{_DESCRIBED}, result, due, crashes"
#: Lists leave out the results, which may have megabytes.
_LISTED = f"{_DESCRIBED}, 'null', due, crashes"
_CHANGED = "state = ?, attempts = ?, reason = ?, result = ?, due = ?, crashes = ?"


class Ledger:
    """Keep the records in the file ``path``. Many threads may use a ledger."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _SCHEMA)
        self._file.write(_add_later_columns)

    def check(self) -> None:
        """Raise sqlite3.Error or OSError when the file cannot be read or its disk is full.

        Writes nothing, and waits for no writer.
        """
        self._file.check()

    def add(self, document: Document) -> bool:
        """Add ``document``. Returns false, and changes nothing, when its id is already known."""
        row = (*_row(document), *_delivery_row(document.delivery))
        query = f"INSERT INTO document ({_WHOLE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        return self._change(query, row) == 1

    def get(self, id: str) -> Document | None:
        with self._file.reading() as database:
            row = database.execute(f"SELECT {_WHOLE} FROM document WHERE id = ?", (id,)).fetchone()
        return _document(row) if row else None

    def newest(self, limit: int, offset: int, state: State | None = None) -> list[Document]:
        """Return documents without results, the newest first; those in ``state``, or all."""
        order = "ORDER BY received DESC, id LIMIT :limit OFFSET :offset"
        query = f"SELECT {_LISTED} FROM document {_in(state)} {order}"
        return self._list(query, {"state": state, "limit": limit, "offset": offset})

    def count(self, state: State | None = None) -> int:
        query = f"SELECT count(*) FROM document {_in(state)}"
        with self._file.reading() as database:
            return int(database.execute(query, {"state": state}).fetchone()[0])

    def pending(self, limit: int, offset: int = 0) -> list[Document]:
        """Return documents whose delivery is pending, the earliest due first."""
        order = "ORDER BY due, received, id LIMIT :limit OFFSET :offset"
        query = f"SELECT {_LISTED} FROM document WHERE state = 'pending' {order}"
        return self._list(query, {"limit": limit, "offset": offset})

    def record(self, id: str, delivery: Delivery) -> None:
        """Replace the state of the delivery of ``id``."""
        self._change(f"UPDATE document SET {_CHANGED} WHERE id = ?", (*_delivery_row(delivery), id))

    def deliver_again(self, state: State) -> int:
        """Make every document in ``state`` pending as if it were new, and return their number."""
        return self._change(f"UPDATE document SET {_CHANGED} WHERE state = ?", (*_delivery_row(Delivery()), state))

    def _change(self, query: str, values: Sequence[object]) -> int:
        """Return the number of changed rows."""
        return self._file.write(lambda database: database.execute(query, values).rowcount)

    def _list(self, query: str, values: Mapping[str, object]) -> list[Document]:
        with self._file.reading() as database:
            return [_document(row) for row in database.execute(query, values)]


def _add_later_columns(database: sqlite3.Connection) -> None:
    known = {row[1] for row in database.execute("PRAGMA table_info(document)")}
    for name, kind in _LATER.items():
        if name not in known:
            database.execute(f"ALTER TABLE document ADD COLUMN {name} {kind}")


def _in(state: State | None) -> str:
    return "WHERE state = :state" if state else ""


def _row(document: Document) -> tuple[object, ...]:
    return (document.id, document.name, document.media_type, document.size, document.received)


def _delivery_row(delivery: Delivery) -> tuple[object, ...]:
    result = json.dumps(delivery.result)
    return (delivery.state, delivery.attempts, delivery.reason, result, delivery.due, delivery.crashes)


def _document(row: tuple[str, str, str, int, str, str, int, str, str, float, int]) -> Document:
    state, attempts, reason, result, due, crashes = row[5:]
    return Document(*row[:5], Delivery(State(state), attempts, reason, json.loads(result), due, crashes))
