"""Keep the index in Qdrant: a collection of passages, and a collection of the documents and the generation.

A change writes the new passages of a document before it removes the old ones, so that a reader always finds the
document. A crash may leave both. The next change to that document removes the old ones.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

from ragkit.passages import Document, Listed, Passage, Place, Stats
from ragkit.protocol import STEP, Changes, IndexBroken, IndexUnwritable, Mask, PassageId
from ragkit.steps import step
from ragkit.vectors import DIMENSIONS, NO_VECTORS, Vectors

_BATCH = 256
_GENERATION_POINT = 0
#: The index finds a document's entry by its id only, but Qdrant requires a vector.
_NO_VECTOR = [1.0]

log = logging.getLogger("ragkit")


@dataclass(frozen=True)
class _Entry:
    """Hold a document's entry. A removed document keeps one, without ``listed``, so that readers see the change."""

    id: str
    generation: int
    listed: Listed | None


class QdrantIndex:
    """Keep the index in Qdrant, in ``collection`` and ``collection``-documents.

    One indexer makes changes, one at a time. The first change creates the collections.
    """

    def __init__(self, client: QdrantClient, collection: str) -> None:
        self._client = client
        self._passages = collection
        self._documents = f"{collection}-documents"

    def check(self) -> None:
        """Raise IndexBroken when Qdrant does not answer or refuses the key."""
        self.generation()

    def generation(self) -> int:
        with _asking(IndexBroken):
            if not self._client.collection_exists(self._documents):
                return 0
            points = self._client.retrieve(self._documents, [_GENERATION_POINT])
            return int(_payload(points[0])["generation"]) if points else 0

    def replace(self, document: Document, passages: Sequence[Passage], vectors: Vectors) -> None:
        with _asking(IndexUnwritable):
            self._make_collections()
            following = self.generation() + 1
            points = [
                models.PointStruct(
                    id=_uuid(f"{following}/{number}/{document.id}"),
                    vector=vector.tolist(),
                    payload=asdict(passage) | {"generation": following},
                )
                for number, (passage, vector) in enumerate(zip(passages, vectors, strict=True))
            ]
            for first in range(0, len(points), _BATCH):
                self._client.upsert(self._passages, points[first : first + _BATCH], wait=True)
            self._forget(document.id, before=following)
            listed = Listed(document.id, document.title, document.source, len(passages), document.characters)
            self._note(_Entry(document.id, following, listed))

    def remove(self, document_id: str) -> bool:
        with _asking(IndexUnwritable):
            if self.document(document_id) is None:
                return False
            following = self.generation() + 1
            self._forget(document_id, before=following)
            self._note(_Entry(document_id, following, None))
            return True

    def document(self, document_id: str) -> Listed | None:
        if not self.generation():
            return None
        with _asking(IndexBroken):
            points = self._client.retrieve(self._documents, [_uuid(document_id)])
        return _entry(_payload(points[0])).listed if points else None

    def documents(self, limit: int, offset: int = 0) -> list[Listed]:
        """Return a page of the entries. Qdrant does not sort by id, so each page reads all of them."""
        found = [entry.listed for entry in self._entries() if entry.listed]
        return sorted(found, key=lambda listed: listed.id)[offset : offset + limit]

    def stats(self) -> Stats:
        found = [entry.listed for entry in self._entries() if entry.listed]
        return Stats(len(found), sum(listed.passages for listed in found), self.generation())

    def changes(self, since: int, at_most: int = STEP) -> Changes:
        newest = self.generation()
        entries = [entry for entry in self._entries(since) if entry.generation <= newest]
        taken = entries[: step((entry.listed.passages if entry.listed else 0 for entry in entries), at_most)]
        last = taken[-1].generation if taken else min(since, newest)
        documents = tuple(entry.id for entry in taken)
        ids: list[PassageId] = []
        passages: list[Passage] = []
        for point in self._all(self._passages, _among("document", documents)) if documents else ():
            ids.append(_plain(point.id))
            passages.append(_passage(_payload(point)))
        return Changes(last, documents, tuple(ids), tuple(passages), NO_VECTORS, complete=last == newest)

    def nearest(self) -> _InQdrant:
        return _InQdrant(self._client, self._passages)

    def _make_collections(self) -> None:
        for name, size in ((self._passages, DIMENSIONS), (self._documents, len(_NO_VECTOR))):
            if not self._client.collection_exists(name):
                vectors = models.VectorParams(size=size, distance=models.Distance.COSINE)
                self._client.create_collection(name, vectors_config=vectors)

    def _forget(self, document_id: str, *, before: int) -> None:
        of_document = models.FieldCondition(key="document", match=models.MatchValue(value=document_id))
        older = models.FieldCondition(key="generation", range=models.Range(lt=before))
        selector = models.FilterSelector(filter=models.Filter(must=[of_document, older]))
        self._client.delete(self._passages, selector, wait=True)

    def _note(self, entry: _Entry) -> None:
        """Write a document's entry, and then the generation, from which on readers see it."""
        self._write_entry(_uuid(entry.id), asdict(entry))
        self._write_entry(_GENERATION_POINT, {"generation": entry.generation})

    def _write_entry(self, id: int | str, payload: dict[str, Any]) -> None:
        self._client.upsert(self._documents, [models.PointStruct(id=id, vector=_NO_VECTOR, payload=payload)], wait=True)

    def _entries(self, since: int = 0) -> list[_Entry]:
        """Return the entries of documents that changed after the generation ``since``, those that changed first."""
        if not self.generation():
            return []
        newer = models.FieldCondition(key="generation", range=models.Range(gt=since))
        points = self._all(self._documents, models.Filter(must=[newer]))
        entries = [_entry(_payload(point)) for point in points if point.id != _GENERATION_POINT]
        return sorted(entries, key=lambda entry: entry.generation)

    def _all(self, collection: str, condition: models.Filter) -> Iterator[models.Record]:
        offset: Any = None
        while True:
            with _asking(IndexBroken):
                records, offset = self._client.scroll(
                    collection, scroll_filter=condition, limit=_BATCH, offset=offset, with_payload=True
                )
            yield from records
            if offset is None:
                return


class _InQdrant:
    """Let Qdrant find the nearest vectors. It may already hold a later change, whose passages do not count."""

    def __init__(self, client: QdrantClient, collection: str) -> None:
        self._client = client
        self._collection = collection
        self._ids: list[PassageId] = []
        self._slots: dict[PassageId, int] = {}

    def append(self, ids: Sequence[PassageId], vectors: Vectors) -> None:
        self._slots |= {id: slot for slot, id in enumerate(ids, start=len(self._ids))}
        self._ids += ids

    def only(self, slots: NDArray[np.int64]) -> _InQdrant:
        kept = _InQdrant(self._client, self._collection)
        kept.append([self._ids[slot] for slot in slots], NO_VECTORS)
        return kept

    def best(self, vector: Vectors, count: int, alive: Mask) -> list[tuple[int, float]]:
        if not alive.any():
            return []
        with _asking(IndexBroken):
            found = self._client.query_points(self._collection, query=vector.tolist(), limit=count).points
        slots = [(self._slots.get(_plain(point.id), len(alive)), point.score) for point in found]
        return [(slot, score) for slot, score in slots if slot < len(alive) and alive[slot]]


@contextmanager
def _asking(failure: type[IndexBroken] | type[IndexUnwritable]) -> Iterator[None]:
    """Raise ``failure`` when Qdrant refuses a request or is not reached. The log has the reason."""
    try:
        yield
    except ApiException as error:
        log.error("Qdrant refused a request or was not reached", exc_info=error)
        raise failure("Qdrant refused a request or was not reached; the service's log says why") from error


def _among(key: str, values: Sequence[str]) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key=key, match=models.MatchAny(any=list(values)))])


def _payload(point: models.Record) -> dict[str, Any]:
    return point.payload or {}


def _entry(payload: dict[str, Any]) -> _Entry:
    listed = payload["listed"]
    return _Entry(payload["id"], payload["generation"], Listed(**listed) if listed else None)


def _passage(payload: dict[str, Any]) -> Passage:
    fields = {key: value for key, value in payload.items() if key not in ("generation", "place")}
    return Passage(**fields, place=Place(**payload["place"]))


def _plain(id: object) -> PassageId:
    return id if isinstance(id, int) else str(id)


def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))
