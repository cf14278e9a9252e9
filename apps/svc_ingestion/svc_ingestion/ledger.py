"""Keep a record of each document, and the queue of pending deliveries, in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from svc_ingestion.documents import Delivery, Document

_SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    id TEXT PRIMARY KEY, name TEXT, media_type TEXT, size INTEGER, received TEXT,
    state TEXT, attempts INTEGER, reason TEXT, result TEXT, due REAL
);
CREATE INDEX IF NOT EXISTS document_received ON document (received);
CREATE INDEX IF NOT EXISTS document_pending ON document (due) WHERE state = 'pending';
"""


class Ledger:
    """Keep the records in the file ``path``. Many threads may use a ledger."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(_SCHEMA)

    def check(self) -> None:
        """Raise sqlite3.Error when the file cannot be read. Writes nothing, and waits for no writer."""
        with self._open(seconds=1) as database:
            database.execute("SELECT 1 FROM document LIMIT 1").fetchone()

    def add(self, document: Document) -> bool:
        """Add ``document``. Returns false, and changes nothing, when its id is already known."""
        row = (*_row(document), *_delivery_row(document.delivery))
        with self._open() as database:
            query = "INSERT INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            return database.execute(query, row).rowcount == 1

    def get(self, id: str) -> Document | None:
        with self._open() as database:
            row = database.execute("SELECT * FROM document WHERE id = ?", (id,)).fetchone()
        return _document(row) if row else None

    def newest(self, limit: int, offset: int) -> list[Document]:
        query = "SELECT * FROM document ORDER BY received DESC, id LIMIT ? OFFSET ?"
        with self._open() as database:
            return [_document(row) for row in database.execute(query, (limit, offset))]

    def count(self) -> int:
        with self._open() as database:
            return int(database.execute("SELECT count(*) FROM document").fetchone()[0])

    def pending(self, limit: int) -> list[Document]:
        """Return up to ``limit`` documents whose delivery is pending, the earliest due first."""
        query = "SELECT * FROM document WHERE state = 'pending' ORDER BY due, received, id LIMIT ?"
        with self._open() as database:
            return [_document(row) for row in database.execute(query, (limit,))]

    def record(self, id: str, delivery: Delivery) -> None:
        """Replace the state of the delivery of ``id``."""
        query = "UPDATE document SET state = ?, attempts = ?, reason = ?, result = ?, due = ? WHERE id = ?"
        with self._open() as database:
            database.execute(query, (*_delivery_row(delivery), id))

    @contextmanager
    def _open(self, seconds: float = 10) -> Iterator[sqlite3.Connection]:
        """Open a connection for one use: commit at the end, or roll back after an exception.

        Waits up to ``seconds`` for a lock.
        """
        database = sqlite3.connect(self._path, timeout=seconds)
        try:
            with database:
                yield database
        finally:
            database.close()


def _row(document: Document) -> tuple[object, ...]:
    return (document.id, document.name, document.media_type, document.size, document.received)


def _delivery_row(delivery: Delivery) -> tuple[object, ...]:
    return (delivery.state, delivery.attempts, delivery.reason, json.dumps(delivery.result), delivery.due)


def _document(row: tuple[str, str, str, int, str, str, int, str, str, float]) -> Document:
    state, attempts, reason, result, due = row[5:]
    return Document(*row[:5], Delivery(state, attempts, reason, json.loads(result), due))
