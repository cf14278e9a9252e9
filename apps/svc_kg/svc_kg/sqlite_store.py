"""Keep graphs in one SQLite file, embedded in the service."""

from __future__ import annotations

import itertools
import json
import sqlite3
import weakref
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from servicekit.checks import check_room
from servicekit.paging import Page
from svc_kg.graph import Edge, Entity, Graph, Listed, Mention, Relation, StoreUnavailable
from svc_kg.group_commit import GroupCommit

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
#: In seconds, for the writes of others.
_PATIENCE = 10.0
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
    """Keep a ``Store`` in the file ``path``. Many threads may use it.

    The file's folder must exist and be writable. The connection that writes stays open: it keeps the schema
    and its statements, and SQLite copies the write-ahead log into the file whenever the last connection closes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writes = GroupCommit(self._transaction)
        with _reported(path):
            self._writer = sqlite3.connect(path, timeout=_PATIENCE, check_same_thread=False)
            weakref.finalize(self, self._writer.close)
            self._writer.execute("PRAGMA journal_mode = WAL")
            self._writer.execute("PRAGMA synchronous = FULL")
            self._writer.executescript(_SCHEMA)
            self._writer.execute("PRAGMA foreign_keys = ON")

    def check(self) -> None:
        with self._open(seconds=1) as database:
            database.execute("SELECT 1 FROM document LIMIT 1").fetchone()
        try:
            check_room(self._path.parent)
        except OSError as error:
            raise StoreUnavailable(str(error)) from error

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

        self._writes.run(change)

    def delete(self, document: str) -> bool:
        def change(database: sqlite3.Connection) -> bool:
            before = _mentioned(database, document)
            known = database.execute("DELETE FROM document WHERE id = ?", (document,)).rowcount > 0
            _forget_unmentioned(database, before)
            return known

        return self._writes.run(change)

    def documents(self, page: Page) -> Listed[str]:
        with self._open() as database:
            rows = database.execute("SELECT id FROM document ORDER BY id LIMIT :limit OFFSET :offset", vars(page))
            return Listed([name for (name,) in rows], _count(database, "document", "true"))

    def find(self, name: str, page: Page) -> Listed[Entity]:
        named = {"name": name.casefold()}
        ordered = "ORDER BY length(name), name, key LIMIT :limit OFFSET :offset"
        with self._open() as database:
            rows = database.execute(f"SELECT key, kind, name FROM entity WHERE {_NAMED} {ordered}", named | vars(page))
            return Listed([Entity(*row) for row in rows], _count(database, "entity", _NAMED, **named))

    def entity(self, key: str) -> Entity | None:
        with self._open() as database:
            row = database.execute("SELECT key, kind, name FROM entity WHERE key = ?", (key,)).fetchone()
        return Entity(*row) if row else None

    def mentions(self, key: str, page: Page) -> Listed[tuple[str, Mention]]:
        with self._open() as database:
            rows = database.execute(_MENTIONS, {"key": key} | vars(page))
            found = [(row[0], Mention(Entity(*row[1:4]), *row[4:])) for row in rows]
            return Listed(found, _count(database, "mention", "entity = :key", key=key))

    def relations(self, key: str, page: Page) -> Listed[Relation]:
        return self._relations(_OF_ENTITY, key, page)

    def stated(self, document: str, page: Page) -> Listed[Relation]:
        return self._relations(_OF_DOCUMENT, document, page)

    def _relations(self, where: str, key: str, page: Page) -> Listed[Relation]:
        with self._open() as database:
            rows = database.execute(_RELATIONS.format(where=where), {"key": key} | vars(page))
            found = [_relation(row) for row in rows]
            return Listed(found, _count(database, "relation", where, key=key))

    def edges(self, keys: Collection[str], most: int) -> list[Edge]:
        with self._open() as database:
            rows = database.execute(_EDGES, {"keys": json.dumps(list(keys)), "most": most})
            return [Edge(*row) for row in rows]

    def relation(self, edge: Edge) -> Relation | None:
        with self._open() as database:
            values = {"key": edge.relation} | vars(Page(1, 0))
            row = database.execute(_RELATIONS.format(where="rowid = :key"), values).fetchone()
        return _relation(row) if row else None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _reported(self._path), self._writer as database:
            database.execute("PRAGMA shrink_memory")  # pages that it kept would hide a file that was damaged since
            database.execute("BEGIN IMMEDIATE")
            yield database

    @contextmanager
    def _open(self, seconds: float = _PATIENCE) -> Iterator[sqlite3.Connection]:
        """Open a connection for one read. Waits up to ``seconds`` for another process's lock."""
        with _reported(self._path), closing(sqlite3.connect(self._path, timeout=seconds)) as database:
            yield database


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Raise StoreUnavailable for every error of SQLite."""
    try:
        yield
    except sqlite3.Error as error:
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
