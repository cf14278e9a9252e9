"""Keep graphs in one SQLite file, embedded in the service."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from servicekit.paging import Page
from servicekit.sqlite_file import SqliteFile
from svc_kg.graph import Edge, Entity, Graph, Listed, Mention, Relation, StoreUnavailable

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
PRAGMA foreign_keys = ON;
"""

#: Selects the row ids of a page first, so that SQLite does not sort the sentences of all pages.
_RELATIONS = """
SELECT s.key, s.kind, s.name, r.kind, t.key, t.kind, t.name, r.document, r.start, r.end, r.sentence, r.amount
FROM relation r JOIN entity s ON s.key = r.source JOIN entity t ON t.key = r.target
WHERE r.rowid IN (
    SELECT rowid FROM relation WHERE {where} ORDER BY document, start, rowid LIMIT :limit OFFSET :offset
)
ORDER BY r.document, r.start, r.rowid
"""
_EDGES = """
SELECT rowid, source, target FROM relation
WHERE source IN (SELECT value FROM json_each(:keys)) OR target IN (SELECT value FROM json_each(:keys))
ORDER BY document, start, rowid LIMIT :most
"""
_MENTIONS = """
SELECT m.document, e.key, e.kind, e.name, m.start, m.end, m.sentence_start, m.sentence_end
FROM mention m JOIN entity e ON e.key = m.entity
WHERE m.entity = :key ORDER BY m.document, m.start LIMIT :limit OFFSET :offset
"""
#: The most rows of one statement. SQLite allows a statement 32,766 values.
_ROWS = 500
_OF_ENTITY = "source = :key OR target = :key"
_OF_DOCUMENT = "document = :key"
_NAMED = "instr(folded, :name)"
MENTIONED = "SELECT DISTINCT entity FROM mention WHERE document = ?"
ORPHANED = (
    "DELETE FROM entity WHERE key IN (SELECT value FROM json_each(?)) "
    "AND NOT EXISTS (SELECT 1 FROM mention WHERE mention.entity = entity.key)"
)


class SqliteStore:
    """Keep a ``Store`` in the file ``path``, whose folder must exist and be writable. Many threads may use it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _reported(path):
            self._file = SqliteFile(path, _SCHEMA)

    def check(self) -> None:
        with _reported(self._path):
            self._file.check()

    def put(self, document: str, graph: Graph) -> None:
        entities = [(entity.key, entity.kind, entity.name, entity.name.casefold()) for entity in graph.entities]
        mentions = [(document, m.entity.key, m.start, m.end, m.sentence_start, m.sentence_end) for m in graph.mentions]
        relations = [
            (document, r.source.key, r.kind, r.target.key, r.start, r.end, r.sentence, r.amount)
            for r in graph.relations
        ]

        def change(database: sqlite3.Connection) -> None:
            before = _mentioned(database, document)
            database.execute("DELETE FROM document WHERE id = ?", (document,))
            database.execute("INSERT INTO document VALUES (?)", (document,))
            _insert(database, "entity", entities, "ON CONFLICT DO NOTHING")
            _insert(database, "mention", mentions)
            _insert(database, "relation", relations)
            _forget_unmentioned(database, before.difference(key for key, *_ in entities))

        with _reported(self._path):
            self._file.write(change)

    def delete(self, document: str) -> bool:
        def change(database: sqlite3.Connection) -> bool:
            before = _mentioned(database, document)
            known = database.execute("DELETE FROM document WHERE id = ?", (document,)).rowcount > 0
            _forget_unmentioned(database, before)
            return known

        with _reported(self._path):
            return self._file.write(change)

    def documents(self, page: Page) -> Listed[str]:
        with self._reading() as database:
            rows = database.execute("SELECT id FROM document ORDER BY id LIMIT :limit OFFSET :offset", vars(page))
            return Listed([name for (name,) in rows], _count(database, "document", "true"))

    def find(self, name: str, page: Page) -> Listed[Entity]:
        named = {"name": name.casefold()}
        ordered = "ORDER BY length(name), name, key LIMIT :limit OFFSET :offset"
        with self._reading() as database:
            rows = database.execute(f"SELECT key, kind, name FROM entity WHERE {_NAMED} {ordered}", named | vars(page))
            return Listed([Entity(*row) for row in rows], _count(database, "entity", _NAMED, **named))

    def entity(self, key: str) -> Entity | None:
        with self._reading() as database:
            row = database.execute("SELECT key, kind, name FROM entity WHERE key = ?", (key,)).fetchone()
        return Entity(*row) if row else None

    def mentions(self, key: str, page: Page) -> Listed[tuple[str, Mention]]:
        with self._reading() as database:
            rows = database.execute(_MENTIONS, {"key": key} | vars(page))
            found = [(row[0], Mention(Entity(*row[1:4]), *row[4:])) for row in rows]
            return Listed(found, _count(database, "mention", "entity = :key", key=key))

    def relations(self, key: str, page: Page) -> Listed[Relation]:
        return self._relations(_OF_ENTITY, key, page)

    def stated(self, document: str, page: Page) -> Listed[Relation]:
        return self._relations(_OF_DOCUMENT, document, page)

    def _relations(self, where: str, key: str, page: Page) -> Listed[Relation]:
        with self._reading() as database:
            rows = database.execute(_RELATIONS.format(where=where), {"key": key} | vars(page))
            found = [_relation(row) for row in rows]
            return Listed(found, _count(database, "relation", where, key=key))

    def edges(self, keys: Collection[str], most: int) -> list[Edge]:
        with self._reading() as database:
            rows = database.execute(_EDGES, {"keys": json.dumps(list(keys)), "most": most})
            return [Edge(*row) for row in rows]

    def relation(self, edge: Edge) -> Relation | None:
        with self._reading() as database:
            values = {"key": edge.relation} | vars(Page(1, 0))
            row = database.execute(_RELATIONS.format(where="rowid = :key"), values).fetchone()
        return _relation(row) if row else None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with _reported(self._path), self._file.reading() as database:
            yield database


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Raise StoreUnavailable for every error of SQLite and of the file."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"{path}: {error}") from error


def _relation(row: tuple[str, ...]) -> Relation:
    return Relation(Entity(*row[:3]), row[3], Entity(*row[4:7]), *row[7:])  # type: ignore[arg-type]


def _count(database: sqlite3.Connection, table: str, where: str, **values: str) -> int:
    (number,) = database.execute(f"SELECT count(*) FROM {table} WHERE {where}", values).fetchone()
    return int(number)


def _insert(database: sqlite3.Connection, table: str, rows: Sequence[tuple[object, ...]], otherwise: str = "") -> None:
    """Insert rows by few statements.

    ``executemany`` releases Python's global lock at each row, and waits for it behind the threads that read documents.
    """
    for start in range(0, len(rows), _ROWS):
        some = rows[start : start + _ROWS]
        row = f"({', '.join('?' * len(some[0]))})"
        statement = f"INSERT INTO {table} VALUES {', '.join([row] * len(some))} {otherwise}"
        database.execute(statement, list(itertools.chain.from_iterable(some)))


def _mentioned(database: sqlite3.Connection, document: str) -> set[str]:
    return {key for (key,) in database.execute(MENTIONED, (document,))}


def _forget_unmentioned(database: sqlite3.Connection, keys: Collection[str]) -> None:
    """Delete those of the entities ``keys`` that no document mentions."""
    if keys:
        database.execute(ORPHANED, (json.dumps(list(keys)),))
