"""Keep graphs in one SQLite file, embedded in the service."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from svc_kg.graph import Entity, Graph, Mention, Relation, StoreUnavailable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS document (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entity (key TEXT PRIMARY KEY, kind TEXT, name TEXT, folded TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mention (
    document TEXT REFERENCES document ON DELETE CASCADE, entity TEXT REFERENCES entity,
    start INTEGER, end INTEGER, sentence_start INTEGER, sentence_end INTEGER
);
CREATE TABLE IF NOT EXISTS relation (
    document TEXT REFERENCES document ON DELETE CASCADE, source TEXT REFERENCES entity, kind TEXT,
    target TEXT REFERENCES entity, start INTEGER, end INTEGER, sentence TEXT, amount TEXT
);
CREATE INDEX IF NOT EXISTS mention_document ON mention (document);
CREATE INDEX IF NOT EXISTS mention_entity ON mention (entity);
CREATE INDEX IF NOT EXISTS relation_document ON relation (document);
CREATE INDEX IF NOT EXISTS relation_source ON relation (source);
CREATE INDEX IF NOT EXISTS relation_target ON relation (target);
"""

_RELATIONS = """
SELECT s.key, s.kind, s.name, r.kind, t.key, t.kind, t.name, r.document, r.start, r.end, r.sentence, r.amount
FROM relation r JOIN entity s ON s.key = r.source JOIN entity t ON t.key = r.target
WHERE r.source IN (SELECT value FROM json_each(:keys)) OR r.target IN (SELECT value FROM json_each(:keys))
ORDER BY r.document, r.start, r.rowid
"""


class SqliteStore:
    """Keep a ``Store`` in the file ``path``. Many threads may use it.

    The file's folder must exist and be writable.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(_SCHEMA)

    def check(self) -> None:
        with self._open(seconds=1) as database:
            database.execute("SELECT 1 FROM document LIMIT 1").fetchone()

    def put(self, document: str, graph: Graph) -> None:
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("DELETE FROM document WHERE id = ?", (document,))
            database.execute("INSERT INTO document VALUES (?)", (document,))
            database.executemany(
                "INSERT INTO entity VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(entity.key, entity.kind, entity.name, entity.name.casefold()) for entity in graph.entities],
            )
            database.executemany(
                "INSERT INTO mention VALUES (?, ?, ?, ?, ?, ?)",
                [(document, m.entity.key, m.start, m.end, m.sentence_start, m.sentence_end) for m in graph.mentions],
            )
            database.executemany(
                "INSERT INTO relation VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (document, r.source.key, r.kind, r.target.key, r.start, r.end, r.sentence, r.amount)
                    for r in graph.relations
                ],
            )
            _forget_unmentioned(database)

    def delete(self, document: str) -> bool:
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            known = database.execute("DELETE FROM document WHERE id = ?", (document,)).rowcount > 0
            _forget_unmentioned(database)
        return known

    def find(self, name: str, limit: int) -> list[Entity]:
        query = "SELECT key, kind, name FROM entity WHERE instr(folded, ?) ORDER BY length(name), name, key LIMIT ?"
        with self._open() as database:
            return [Entity(*row) for row in database.execute(query, (name.casefold(), limit))]

    def entity(self, key: str) -> Entity | None:
        with self._open() as database:
            row = database.execute("SELECT key, kind, name FROM entity WHERE key = ?", (key,)).fetchone()
        return Entity(*row) if row else None

    def mentions(self, key: str) -> list[tuple[str, Mention]]:
        query = (
            "SELECT m.document, e.key, e.kind, e.name, m.start, m.end, m.sentence_start, m.sentence_end "
            "FROM mention m JOIN entity e ON e.key = m.entity WHERE e.key = ? ORDER BY m.document, m.start"
        )
        with self._open() as database:
            return [(row[0], Mention(Entity(*row[1:4]), *row[4:])) for row in database.execute(query, (key,))]

    def relations(self, keys: Collection[str]) -> list[Relation]:
        with self._open() as database:
            rows = database.execute(_RELATIONS, {"keys": json.dumps(list(keys))})
            return [Relation(Entity(*row[:3]), row[3], Entity(*row[4:7]), *row[7:]) for row in rows]

    @contextmanager
    def _open(self, seconds: float = 10) -> Iterator[sqlite3.Connection]:
        """Open a connection for one use: commit at the end, or roll back after an exception.

        Waits up to ``seconds`` for a lock. Raises StoreUnavailable for every error of SQLite.
        """
        try:
            with closing(sqlite3.connect(self._path, timeout=seconds)) as database:
                database.execute("PRAGMA foreign_keys = ON")
                with database:
                    yield database
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self._path}: {error}") from error


def _forget_unmentioned(database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM entity WHERE key NOT IN (SELECT entity FROM mention)")
