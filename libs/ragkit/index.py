"""The index as both services see it. It is kept in files (faiss and SQLite) or, where one is named, in Qdrant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ragkit.passages import Document, Listed, Passage, Stats
from ragkit.vectors import Vectors

PassageId = int | str


class IndexBroken(Exception):
    """What the index keeps does not fit together; the message says what and where."""


class Snapshot(Protocol):
    """The index at one generation."""

    @property
    def generation(self) -> int: ...

    @property
    def passages(self) -> Mapping[PassageId, Passage]: ...

    def nearest(self, vector: Vectors, count: int) -> list[tuple[PassageId, float]]:
        """The ``count`` passages nearest to ``vector`` (shape: 384) with their cosine, nearest first."""
        ...


class Index(Protocol):
    def generation(self) -> int:
        """Goes up with every change; cheap to ask. 0 before the first."""
        ...

    def replace(self, document: Document, passages: Sequence[Passage], vectors: Vectors) -> None:
        """Keep ``document``, in place of what was kept under its id. ``vectors`` has a row per passage."""
        ...

    def remove(self, document_id: str) -> bool:
        """Whether there was such a document; it is gone now."""
        ...

    def documents(self) -> list[Listed]:
        """By id."""
        ...

    def stats(self) -> Stats: ...

    def snapshot(self) -> Snapshot: ...


def open_index(folder: Path, *, qdrant_url: str = "", qdrant_key: str = "", collection: str = "passages") -> Index:
    """The index in Qdrant when ``qdrant_url`` is given, else the one in ``folder``."""
    if qdrant_url:
        from qdrant_client import QdrantClient

        from ragkit.qdrant import QdrantIndex

        return QdrantIndex(QdrantClient(url=qdrant_url, api_key=qdrant_key or None), collection)
    from ragkit.files import FileIndex

    return FileIndex(folder)
