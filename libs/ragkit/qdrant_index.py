"""Keep the index in Qdrant: a collection of passages, and a collection of the documents and the generation.

A change writes the new passages of a document before it removes the old ones, so that a reader always finds the
document. A crash may leave both. The next change to that document removes the old ones.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from qdrant_client import QdrantClient, models

from ragkit.passages import Document, Listed, Passage, Place, Stats
from ragkit.protocol import PassageId
from ragkit.vectors import DIMENSIONS, Vectors

_BATCH = 256
_GENERATION_POINT = 0
#: The index finds a document's entry by its id only, but Qdrant requires a vector.
_NO_VECTOR = [1.0]


@dataclass(frozen=True)
class QdrantSnapshot:
    """Hold the passages as they were at ``generation``.

    Qdrant itself finds the nearest vectors, and may already hold a later change.
    """

    generation: int
    passages: Mapping[PassageId, Passage]
    client: QdrantClient
    collection: str

    def nearest(self, vector: Vectors, count: int) -> list[tuple[PassageId, float]]:
        if not self.passages:
            return []
        found = self.client.query_points(self.collection, query=vector.tolist(), limit=count).points
        return [(_plain(point.id), point.score) for point in found if _plain(point.id) in self.passages]


class QdrantIndex:
    """Keep the index in Qdrant, in ``collection`` and ``collection``-documents.

    One indexer makes changes, one at a time. The first change creates the collections.
    """

    def __init__(self, client: QdrantClient, collection: str) -> None:
        self._client = client
        self._passages = collection
        self._documents = f"{collection}-documents"

    def check(self) -> None:
        """Raise the client's exception when Qdrant does not answer or refuses the key."""
        self.generation()

    def generation(self) -> int:
        if not self._client.collection_exists(self._documents):
            return 0
        points = self._client.retrieve(self._documents, [_GENERATION_POINT])
        return int(_payload(points[0])["generation"]) if points else 0

    def replace(self, document: Document, passages: Sequence[Passage], vectors: Vectors) -> None:
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
        self._write_entry(_uuid(document.id), asdict(listed))
        self._write_entry(_GENERATION_POINT, {"generation": following})

    def remove(self, document_id: str) -> bool:
        if not self.generation() or not self._client.retrieve(self._documents, [_uuid(document_id)]):
            return False
        following = self.generation() + 1
        self._forget(document_id, before=following)
        self._client.delete(self._documents, models.PointIdsList(points=[_uuid(document_id)]), wait=True)
        self._write_entry(_GENERATION_POINT, {"generation": following})
        return True

    def documents(self) -> list[Listed]:
        if not self.generation():
            return []
        entries = (_payload(point) for point in self._all(self._documents) if point.id != _GENERATION_POINT)
        return sorted((Listed(**entry) for entry in entries), key=lambda listed: listed.id)

    def stats(self) -> Stats:
        documents = self.documents()
        return Stats(len(documents), sum(listed.passages for listed in documents), self.generation())

    def snapshot(self) -> QdrantSnapshot:
        generation = self.generation()
        points = self._all(self._passages) if generation else iter(())
        passages = {_plain(point.id): _passage(_payload(point)) for point in points}
        return QdrantSnapshot(generation, passages, self._client, self._passages)

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

    def _write_entry(self, id: int | str, payload: dict[str, Any]) -> None:
        self._client.upsert(self._documents, [models.PointStruct(id=id, vector=_NO_VECTOR, payload=payload)], wait=True)

    def _all(self, collection: str) -> Iterator[models.Record]:
        offset: Any = None
        while True:
            records, offset = self._client.scroll(collection, limit=_BATCH, offset=offset, with_payload=True)
            yield from records
            if offset is None:
                return


def _payload(point: models.Record) -> dict[str, Any]:
    return point.payload or {}


def _passage(payload: dict[str, Any]) -> Passage:
    fields = {key: value for key, value in payload.items() if key not in ("generation", "place")}
    return Passage(**fields, place=Place(**payload["place"]))


def _plain(id: object) -> PassageId:
    return id if isinstance(id, int) else str(id)


def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))
