"""Keep the index in a folder: one faiss file and one SQLite file per generation, and the file CURRENT.

CURRENT names the current generation. The files of a generation are written once and never changed. A change writes the
next generation into new files, flushes them to disk and then replaces CURRENT in one rename. After a crash before the
rename, the old generation is still current. Readers need no lock.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import faiss
import numpy as np

from ragkit.passages import Document, Listed, Passage, Place, Stats
from ragkit.protocol import IndexBroken, PassageId
from ragkit.vectors import DIMENSIONS, Vectors

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE documents (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, source TEXT NOT NULL,
    passages INTEGER NOT NULL, characters INTEGER NOT NULL
);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL REFERENCES documents (id),
    kind TEXT NOT NULL, name TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, text TEXT NOT NULL
);
CREATE INDEX passages_by_document ON passages (document);
"""
_PASSAGES = """
SELECT passages.id, document, title, source, kind, name, start, stop, text
FROM passages JOIN documents ON documents.id = document ORDER BY passages.id
"""
#: A reader that read CURRENT just before a change still finds its files. After two changes it must read CURRENT again.
_GENERATIONS_KEPT = 2
_TRIES = 5


@dataclass(frozen=True)
class FileSnapshot:
    """Hold a generation in memory: its passages by id, and ``vectors`` as an index of faiss."""

    generation: int
    passages: Mapping[PassageId, Passage]
    vectors: Any

    def nearest(self, vector: Vectors, count: int) -> list[tuple[PassageId, float]]:
        count = min(count, self.vectors.ntotal)
        if not count:
            return []
        scores, ids = self.vectors.search(vector.reshape(1, -1), count)
        return [(int(id), float(score)) for id, score in zip(ids[0], scores[0], strict=True) if id >= 0]


class FileIndex:
    """Keep the index in ``folder``.

    Each change copies the whole index, so it suits thousands of documents, not millions.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self) -> None:
        """Raise IndexBroken unless the current generation has its two files and the database can be opened.

        An index without a generation passes.
        """

        def opened(generation: int) -> None:
            self._path(generation, "faiss").stat()
            with self._opened(generation) as store:
                store.execute("SELECT 1 FROM documents LIMIT 1").fetchone()

        self._of_current(opened, None)

    def generation(self) -> int:
        try:
            return int((self._folder / "CURRENT").read_text())
        except FileNotFoundError:
            return 0
        except ValueError as error:
            raise IndexBroken(f"{self._folder / 'CURRENT'} holds no generation: {error}") from error

    def replace(self, document: Document, passages: Sequence[Passage], vectors: Vectors) -> None:
        def edit(store: sqlite3.Connection, index: Any) -> None:
            _forget(store, index, document.id)
            store.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?)",
                (document.id, document.title, document.source, len(passages), document.characters),
            )
            ids = [
                store.execute(
                    "INSERT INTO passages (document, kind, name, start, stop, text) VALUES (?, ?, ?, ?, ?, ?)",
                    (document.id, entry.place.kind, entry.place.name, entry.start, entry.end, entry.text),
                ).lastrowid
                for entry in passages
            ]
            index.add_with_ids(vectors, np.asarray(ids, dtype=np.int64))

        with self._alone():
            self._publish(edit)

    def remove(self, document_id: str) -> bool:
        with self._alone():
            if all(listed.id != document_id for listed in self.documents()):
                return False
            self._publish(lambda store, index: _forget(store, index, document_id))
            return True

    def documents(self) -> list[Listed]:
        def listed(generation: int) -> list[Listed]:
            with self._opened(generation) as store:
                rows = store.execute("SELECT id, title, source, passages, characters FROM documents ORDER BY id")
                return [Listed(*row) for row in rows]

        return self._of_current(listed, [])

    def stats(self) -> Stats:
        def counted(generation: int) -> Stats:
            with self._opened(generation) as store:
                [(documents, passages)] = store.execute("SELECT count(*), coalesce(sum(passages), 0) FROM documents")
                return Stats(documents, passages, generation)

        return self._of_current(counted, Stats(0, 0, 0))

    def snapshot(self) -> FileSnapshot:
        return self._of_current(self._loaded, FileSnapshot(0, {}, _empty()))

    def _loaded(self, generation: int) -> FileSnapshot:
        with self._opened(generation) as store:
            passages: dict[PassageId, Passage] = {
                id: Passage(document, title, source, Place(kind, name), start, stop, text)
                for id, document, title, source, kind, name, start, stop, text in store.execute(_PASSAGES)
            }
        vectors = self._vectors(generation)
        if vectors.ntotal != len(passages):
            raise IndexBroken(
                f"generation {generation} in {self._folder}: {len(passages)} passages, {vectors.ntotal} vectors"
            )
        return FileSnapshot(generation, passages, vectors)

    def _of_current(self, read: Callable[[int], T], when_empty: T) -> T:
        """Return ``read`` of the current generation, or ``when_empty`` before the first one.

        A change may replace and remove the generation meanwhile. Then ``read`` runs on its successor, up to five times
        in all. Raises IndexBroken when a generation that is still current cannot be read, and after the last try.
        """
        for last_try in (False,) * (_TRIES - 1) + (True,):
            generation = self.generation()
            if not generation:
                return when_empty
            try:
                return read(generation)
            except (OSError, sqlite3.Error, RuntimeError) as error:  # faiss raises RuntimeError for every failure
                if last_try or self.generation() == generation:
                    raise IndexBroken(f"generation {generation} in {self._folder}: {error}") from error
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def _opened(self, generation: int) -> Iterator[sqlite3.Connection]:
        """Open the SQLite file of ``generation``, without a lock and a journal, because nothing changes the file.

        A read-only folder is sufficient.
        """
        uri = f"file:{self._path(generation, 'sqlite')}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as store:
            yield store

    def _vectors(self, generation: int) -> Any:
        return faiss.read_index(str(self._path(generation, "faiss")))

    def _path(self, generation: int, suffix: str) -> Path:
        return self._folder / f"{generation}.{suffix}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Allow one change at a time, across threads and processes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _publish(self, edit: Callable[[sqlite3.Connection, Any], None]) -> None:
        current = self.generation()
        following = current + 1
        self._remove_all_but(range(following - _GENERATIONS_KEPT + 1, following))
        store_path, vectors_path = self._path(following, "sqlite"), self._path(following, "faiss")
        if current:
            shutil.copyfile(self._path(current, "sqlite"), store_path)
        with closing(sqlite3.connect(store_path)) as store, store:
            if not current:
                store.executescript(_SCHEMA)
            vectors = self._vectors(current) if current else _empty()
            edit(store, vectors)
        faiss.write_index(vectors, str(vectors_path))
        pointer = self._folder / "CURRENT.next"
        pointer.write_text(f"{following}\n")
        for path in (store_path, vectors_path, pointer, self._folder):
            _flush(path)
        pointer.replace(self._folder / "CURRENT")
        _flush(self._folder)

    def _remove_all_but(self, kept: range) -> None:
        """Remove generations that are not in ``kept``: older ones, and files of a newer one that a crash left."""
        for path in self._folder.glob("*.*"):
            if path.stem.isdigit() and int(path.stem) not in kept:
                path.unlink()


def _empty() -> Any:
    return faiss.IndexIDMap2(faiss.IndexFlatIP(DIMENSIONS))


def _forget(store: sqlite3.Connection, vectors: Any, document_id: str) -> None:
    ids = [id for (id,) in store.execute("SELECT id FROM passages WHERE document = ?", (document_id,))]
    vectors.remove_ids(np.asarray(ids, dtype=np.int64))
    store.execute("DELETE FROM passages WHERE document = ?", (document_id,))
    store.execute("DELETE FROM documents WHERE id = ?", (document_id,))


def _flush(path: Path) -> None:
    """Flush a file to the disk, not only to the system's memory. Flushing a folder saves the names in it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
