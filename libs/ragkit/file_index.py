"""Keep the index in one SQLite file: documents, passages with their vectors, and the order of the changes.

A change is one transaction, which is on disk before it returns. Its cost depends on the document, not on the size of
the index. Readers do not wait for the writer, and the writer does not wait for readers (SQLite's write-ahead log).
"""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np

from ragkit.nearest import InMemory
from ragkit.passages import Document, Listed, Passage, Place, Stats
from ragkit.protocol import STEP, Changes, IndexBroken, IndexUnwritable
from ragkit.steps import step
from ragkit.vectors import DIMENSIONS, NO_VECTORS, Vectors

T = TypeVar("T")

log = logging.getLogger("ragkit")

#: ``changes`` has a row for every document that the index ever had, numbered by its last change.
_SCHEMA = """
BEGIN;
CREATE TABLE documents (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, source TEXT NOT NULL,
    passages INTEGER NOT NULL, characters INTEGER NOT NULL
);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL REFERENCES documents (id),
    kind TEXT NOT NULL, name TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, text TEXT NOT NULL,
    vector BLOB NOT NULL
);
CREATE INDEX passages_by_document ON passages (document);
CREATE TABLE changes (generation INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL UNIQUE);
PRAGMA user_version = 1;
COMMIT;
"""
_CHANGED = """
SELECT generation, document, coalesce(passages, 0) FROM changes LEFT JOIN documents ON documents.id = document
WHERE generation > ? ORDER BY generation LIMIT ?
"""
_PASSAGES = """
SELECT passages.id, passages.document, title, source, kind, name, start, stop, text, vector
FROM changes JOIN documents ON documents.id = changes.document JOIN passages ON passages.document = changes.document
WHERE generation > ? AND generation <= ? ORDER BY generation, passages.id
"""
_LISTED = "SELECT id, title, source, passages, characters FROM documents"
_NOTHING = Changes(0, (), (), (), NO_VECTORS, complete=True)


class FileIndex:
    """Keep the index in ``folder``/index.sqlite. Many threads may use it.

    A change waits up to ``patience`` seconds for a change of another process.
    """

    def __init__(self, folder: Path, *, patience: float = 10.0) -> None:
        self._path, self._patience = folder / "index.sqlite", patience
        self._turn = Lock()
        self._writer: sqlite3.Connection | None = None

    def check(self) -> None:
        """Raise IndexBroken unless the file can be read. An index that does not exist yet passes."""
        self._read(lambda store: store.execute("SELECT 1 FROM documents LIMIT 1").fetchone(), None)

    def generation(self) -> int:
        return self._read(_generation, 0)

    def replace(self, document: Document, passages: Sequence[Passage], vectors: Vectors) -> None:
        rows = (
            (
                document.id,
                passage.place.kind,
                passage.place.name,
                passage.start,
                passage.end,
                passage.text,
                np.asarray(vector, dtype="<f4").tobytes(),
            )
            for passage, vector in zip(passages, vectors, strict=True)
        )
        listed = (document.id, document.title, document.source, len(passages), document.characters)
        with self._change() as store:
            _forget(store, document.id)
            store.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?)", listed)
            store.executemany(
                "INSERT INTO passages (document, kind, name, start, stop, text, vector) VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            _number(store, document.id)

    def remove(self, document_id: str) -> bool:
        if self.document(document_id) is None:
            return False
        with self._change() as store:
            if not _forget(store, document_id):
                return False
            _number(store, document_id)
            return True

    def document(self, document_id: str) -> Listed | None:
        def found(store: sqlite3.Connection) -> Listed | None:
            row = store.execute(f"{_LISTED} WHERE id = ?", (document_id,)).fetchone()
            return Listed(*row) if row else None

        return self._read(found, None)

    def documents(self, limit: int, offset: int = 0) -> list[Listed]:
        def listed(store: sqlite3.Connection) -> list[Listed]:
            rows = store.execute(f"{_LISTED} ORDER BY id LIMIT ? OFFSET ?", (limit, offset))
            return [Listed(*row) for row in rows]

        return self._read(listed, [])

    def stats(self) -> Stats:
        def counted(store: sqlite3.Connection) -> Stats:
            [(documents, passages)] = store.execute("SELECT count(*), coalesce(sum(passages), 0) FROM documents")
            return Stats(documents, passages, _generation(store))

        return self._read(counted, Stats(0, 0, 0))

    def changes(self, since: int, at_most: int = STEP) -> Changes:
        def changed(store: sqlite3.Connection) -> Changes:
            rows = store.execute(_CHANGED, (since, at_most)).fetchall()
            taken = rows[: step((passages for _, _, passages in rows), at_most)]
            last = taken[-1][0] if taken else min(since, _generation(store))
            return _loaded(store, since, last, tuple(document for _, document, _ in taken))

        return self._read(changed, _NOTHING)

    def nearest(self) -> InMemory:
        return InMemory()

    def _read(self, read: Callable[[sqlite3.Connection], T], empty: T) -> T:
        """Return the result of ``read`` for one state of the index, or ``empty`` when no change has made it yet."""
        try:
            if not self._path.exists():
                return empty
            uri = f"{self._path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as store:
                store.execute("BEGIN")
                return read(store) if _has_schema(store) else empty
        except (sqlite3.Error, OSError, ValueError) as error:
            raise IndexBroken(f"{self._path}: {error}") from error

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Make one change at a time: commit it at the end, or roll it back. Raises IndexUnwritable."""
        with self._turn:
            try:
                store = self._writer = self._writer or _opened_for_changes(self._path, self._patience)
                with store:
                    store.execute("BEGIN IMMEDIATE")
                    yield store
            except (sqlite3.Error, OSError) as error:
                log.error("the index cannot be changed", exc_info=error)
                raise IndexUnwritable(_reason(error)) from error


def _opened_for_changes(path: Path, patience: float) -> sqlite3.Connection:
    """Open the file, and create it when it does not exist.

    The connection stays open. SQLite removes the write-ahead log when the last connection closes, and readers would
    create it again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    store = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    try:
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("PRAGMA synchronous = FULL")
        if not _has_schema(store):
            store.executescript(_SCHEMA)
    except sqlite3.Error:
        store.close()
        raise
    return store


def _has_schema(store: sqlite3.Connection) -> bool:
    return bool(store.execute("PRAGMA user_version").fetchone()[0])


def _generation(store: sqlite3.Connection) -> int:
    return int(store.execute("SELECT coalesce(max(generation), 0) FROM changes").fetchone()[0])


def _forget(store: sqlite3.Connection, document_id: str) -> bool:
    store.execute("DELETE FROM passages WHERE document = ?", (document_id,))
    return store.execute("DELETE FROM documents WHERE id = ?", (document_id,)).rowcount == 1


def _number(store: sqlite3.Connection, document_id: str) -> None:
    """Give the document's change the next generation, in place of that of its change before."""
    store.execute("INSERT OR REPLACE INTO changes (document) VALUES (?)", (document_id,))


def _loaded(store: sqlite3.Connection, since: int, last: int, documents: tuple[str, ...]) -> Changes:
    ids: list[int] = []
    passages: list[Passage] = []
    vectors: list[bytes] = []
    for id, document, title, source, kind, name, start, stop, text, vector in store.execute(_PASSAGES, (since, last)):
        ids.append(id)
        passages.append(Passage(document, title, source, Place(kind, name), start, stop, text))
        vectors.append(vector)
    rows = np.frombuffer(b"".join(vectors), dtype="<f4").reshape(len(ids), DIMENSIONS)
    return Changes(last, documents, tuple(ids), tuple(passages), rows, complete=last == _generation(store))


def _reason(error: Exception) -> str:
    """Return a reason without a path or an address."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC:
        return "the disk of the index is full"
    if code == sqlite3.SQLITE_BUSY:
        return "another process changes the index"
    return "the index cannot be changed; the service's log says why"
