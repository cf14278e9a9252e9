"""Serve the knowledge graph over HTTP."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field, PositiveInt, SecretStr, StrictStr

from servicekit.app import create_app
from servicekit.paging import AskedPage
from servicekit.problems import problem, refusals
from servicekit.requestid import note
from servicekit.settings import ServiceSettings, load
from svc_kg.answers import (
    Chain,
    DocumentList,
    EntityList,
    ListedDocument,
    MentionedEntity,
    ReadDocument,
    RelatedEntity,
    RelationList,
    chain_from,
    mentioned_entity,
    read_document,
    stated_relation,
)
from svc_kg.graph import Entity, Store, StoreUnavailable
from svc_kg.paths import TooWide, shortest_path
from svc_kg.reading import MOST_RELATIONS, TooMany, read
from svc_kg.sqlite_store import SqliteStore

log = logging.getLogger("svc-kg")


class Settings(ServiceSettings):
    data_dir: Path = Path("/data")
    neo4j_url: str = ""
    neo4j_user: str = "neo4j"
    neo4j_password: SecretStr = SecretStr("")
    max_characters: PositiveInt = 1_000_000
    max_relations: PositiveInt = MOST_RELATIONS


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

    @app.post("/documents", responses=refusals(408, 413, 415, 422, 503), response_model_exclude_none=True)
    def put_document(document: Document) -> ReadDocument:
        """Read the document into the graph, in place of the earlier one of the same id.

        The answer lists the first 1000 entities and relations.
        """
        note(document=document.id)
        if not document.text.strip():
            raise HTTPException(422, "the text is empty")
        if len(document.text) > settings.max_characters:
            raise HTTPException(413, f"the text has more than {settings.max_characters} characters (MAX_CHARACTERS)")
        try:
            graph = read(document.id, document.text, settings.max_relations)
        except TooMany as error:
            raise HTTPException(422, f"{error} (MAX_RELATIONS)") from error
        store.put(document.id, graph)
        return read_document(document.id, graph)

    @app.get("/documents", responses=refusals(422, 503))
    def list_documents(page: AskedPage) -> DocumentList:
        """Return the ids of documents, sorted."""
        listed = store.documents(page)
        return DocumentList(list(map(ListedDocument, listed.items)), listed.total)

    @app.get("/documents/{document_id}/relations", responses=refusals(422, 503), response_model_exclude_none=True)
    def get_stated(document_id: str, page: AskedPage) -> RelationList:
        """Return the relations that the document states, each with its sentence."""
        stated = store.stated(document_id, page)
        return RelationList(list(map(stated_relation, stated.items)), stated.total)

    @app.delete("/documents/{document_id}", status_code=204, responses=refusals(404, 503))
    def delete_document(document_id: str) -> None:
        if not store.delete(document_id):
            raise HTTPException(404, f"document '{document_id}' not found")

    @app.get("/entities", responses=refusals(422, 503))
    def find_entities(page: AskedPage, name: Annotated[str, Query(max_length=500)] = "") -> EntityList:
        """Return the entities whose name contains ``name`` in any case, the shortest name first."""
        found = store.find(name, page)
        return EntityList(list(found.items), found.total)

    @app.get("/entities/{key}", responses=refusals(404, 422, 503))
    def get_entity(key: str, page: AskedPage) -> MentionedEntity:
        """Return the entity and the places that mention it."""
        return mentioned_entity(entity(key), store.mentions(key, page))

    @app.get("/entities/{key}/relations", responses=refusals(404, 422, 503), response_model_exclude_none=True)
    def get_relations(key: str, page: AskedPage) -> RelatedEntity:
        """Return the relations of the entity, in both directions, each with the sentence that states it."""
        found, relations = entity(key), store.relations(key, page)
        return RelatedEntity(found, list(map(stated_relation, relations.items)), relations.total)

    @app.get("/paths", responses=refusals(404, 422, 503), response_model_exclude_none=True)
    def get_path(
        source: Annotated[str, Query(alias="from")],
        target: Annotated[str, Query(alias="to")],
        most: Annotated[int, Query(ge=1, le=20)] = 8,
    ) -> Chain:
        """Return the shortest chain of at most ``most`` relations between two entities; 404 when there is none."""
        first, last = entity(source), entity(target)
        try:
            path = shortest_path(first.key, last.key, store.edges, most=most)
        except TooWide as error:
            raise HTTPException(422, str(error)) from error
        if path is None:
            raise HTTPException(404, f"no path of at most {most} relations joins '{source}' and '{target}'")
        relations = [relation for edge in path if (relation := store.relation(edge))]
        if len(relations) < len(path):
            raise HTTPException(503, "a document of the path changed; try again", headers={"Retry-After": "1"})
        return chain_from(first, relations)

    return app
