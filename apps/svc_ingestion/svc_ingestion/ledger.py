"""What is known of each document, in one SQLite file; also the queue of what is still to be handed on."""

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
    """The documents in the file ``path``. Safe to use from many threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(_SCHEMA)

    def check(self) -> None:
        """Raise sqlite3.Error when it cannot be read. Writes nothing, and waits for no writer."""
        with self._open(seconds=1) as database:
            database.execute("SELECT 1 FROM document LIMIT 1").fetchone()

    def add(self, document: Document) -> bool:
        """Note ``document``; false, and nothing changes, when its id is known already."""
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
        """Documents still to be handed on, the one due first in front."""
        query = "SELECT * FROM document WHERE state = 'pending' ORDER BY due, received, id LIMIT ?"
        with self._open() as database:
            return [_document(row) for row in database.execute(query, (limit,))]

    def record(self, id: str, delivery: Delivery) -> None:
        """How the handing-on of ``id`` stands from now on."""
        query = "UPDATE document SET state = ?, attempts = ?, reason = ?, result = ?, due = ? WHERE id = ?"
        with self._open() as database:
            database.execute(query, (*_delivery_row(delivery), id))

    @contextmanager
    def _open(self, seconds: float = 10) -> Iterator[sqlite3.Connection]:
        """One connection per use: committed when all went well, rolled back otherwise. Waits ``seconds`` for a lock."""
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
