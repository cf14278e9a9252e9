"""Serve the knowledge graph over HTTP."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field, PositiveInt, SecretStr, StrictStr

from servicekit.app import create_app
from servicekit.problems import problem
from servicekit.settings import ServiceSettings, load
from svc_kg.graph import Entity, Relation, Store, StoreUnavailable
from svc_kg.paths import shortest_path
from svc_kg.reading import read
from svc_kg.sqlite_store import SqliteStore

log = logging.getLogger("svc-kg")


class Settings(ServiceSettings):
    data_dir: Path = Path("/data")
    neo4j_url: str = ""
    neo4j_user: str = "neo4j"
    neo4j_password: SecretStr = SecretStr("")
    max_characters: PositiveInt = 1_000_000


class Document(BaseModel):
    id: StrictStr = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/]+$")
    text: StrictStr


def open_store(settings: Settings) -> Store:
    """Return the store in Neo4j when NEO4J_URL is set, else the SQLite file in DATA_DIR."""
    if settings.neo4j_url:
        from svc_kg.neo4j_store import Neo4jStore

        return Neo4jStore(settings.neo4j_url, settings.neo4j_user, settings.neo4j_password.get_secret_value())
    return SqliteStore(settings.data_dir / "graph.sqlite")


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    return create(load(Settings))


def create(settings: Settings) -> FastAPI:
    """Return the service. Raises StoreUnavailable when the embedded store cannot be opened."""
    store = open_store(settings)
    app = create_app("svc-kg", checks={"store": store.check})

    def entity(key: str) -> Entity:
        found = store.entity(key)
        if not found:
            raise HTTPException(404, f"entity '{key}' not found; GET /entities?name=… finds keys")
        return found

    @app.exception_handler(StoreUnavailable)
    def store_fails(_: Request, error: Exception) -> Response:
        log.error("the store cannot be used", exc_info=error)
        return problem(503, "the store cannot be used; the service's log says why")

    @app.post("/documents")
    def put_document(document: Document) -> dict[str, object]:
        """Read the document into the graph, in place of what an earlier one of the same id said."""
        if not document.text.strip():
            raise HTTPException(422, "the text is empty")
        if len(document.text) > settings.max_characters:
            raise HTTPException(413, f"the text has more than {settings.max_characters} characters (MAX_CHARACTERS)")
        graph = read(document.id, document.text)
        store.put(document.id, graph)
        return {
            "document": document.id,
            "entities": [asdict(found) for found in graph.entities],
            "relations": [_shown(relation) for relation in graph.relations],
        }

    @app.delete("/documents/{document_id}", status_code=204)
    def delete_document(document_id: str) -> None:
        if not store.delete(document_id):
            raise HTTPException(404, f"document '{document_id}' not found")

    @app.get("/entities")
    def find_entities(name: str = "", limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> dict[str, object]:
        """Entities whose name contains ``name``, whatever the case."""
        return {"entities": [asdict(found) for found in store.find(name, limit)]}

    @app.get("/entities/{key}")
    def get_entity(key: str) -> dict[str, object]:
        """Return the entity and every place that mentions it."""
        found = entity(key)
        mentions = [
            {
                "document": document,
                "start": mention.start,
                "end": mention.end,
                "sentence": {"start": mention.sentence_start, "end": mention.sentence_end},
            }
            for document, mention in store.mentions(key)
        ]
        return asdict(found) | {"mentions": mentions}

    @app.get("/entities/{key}/relations")
    def get_relations(key: str) -> dict[str, object]:
        """Return the relations of the entity, in both directions, each with the sentence that states it."""
        return {"entity": asdict(entity(key)), "relations": [_shown(relation) for relation in store.relations([key])]}

    @app.get("/paths")
    def get_path(
        source: Annotated[str, Query(alias="from")],
        target: Annotated[str, Query(alias="to")],
        most: Annotated[int, Query(ge=1, le=20)] = 8,
    ) -> dict[str, object]:
        """Return the shortest chain of at most ``most`` relations between two entities; 404 when there is none."""
        ends = [entity(key) for key in (source, target)]
        path = shortest_path(source, target, store.relations, most=most)
        if path is None:
            raise HTTPException(404, f"no path of at most {most} relations joins '{source}' and '{target}'")
        return {"entities": [asdict(e) for e in _along(ends[0], path)], "relations": [_shown(r) for r in path]}

    return app


def _along(first: Entity, path: list[Relation]) -> list[Entity]:
    entities = [first]
    for relation in path:
        entities.append(relation.target if relation.source.key == entities[-1].key else relation.source)
    return entities


def _shown(relation: Relation) -> dict[str, object]:
    shown: dict[str, object] = {
        "source": asdict(relation.source),
        "kind": relation.kind,
        "target": asdict(relation.target),
    }
    if relation.amount:
        shown["amount"] = relation.amount
    sentence = {"text": relation.sentence, "start": relation.start, "end": relation.end}
    return shown | {"document": relation.document, "sentence": sentence}
