"""Keep graphs in a Neo4j server (5 or later), for many writers and large graphs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TypeVar

from neo4j import Driver, GraphDatabase, ManagedTransaction, Session
from neo4j.exceptions import DriverError, Neo4jError

from servicekit.paging import Page
from svc_kg.graph import Edge, Entity, Graph, Listed, Mention, Relation, StoreUnavailable

T = TypeVar("T")

_CONSTRAINTS = (
    "CREATE CONSTRAINT document_id IF NOT EXISTS FOR (d:Document) REQUIRE d.id IS UNIQUE",
    "CREATE CONSTRAINT entity_key IF NOT EXISTS FOR (e:Entity) REQUIRE e.key IS UNIQUE",
)
_FORGET = (
    "MATCH (d:Document {id: $document})-[:MENTIONS]->(e:Entity) WITH d, collect(DISTINCT e) AS mentioned "
    "DETACH DELETE d WITH mentioned UNWIND mentioned AS e "
    "OPTIONAL MATCH (e)-[r:RELATES {document: $document}]-() DELETE r WITH DISTINCT e "
    "WHERE NOT (e)<-[:MENTIONS]-() DETACH DELETE e"
)
_PUT_MENTIONS = (
    "MATCH (d:Document {id: $document}) UNWIND $mentions AS m "
    "MERGE (e:Entity {key: m.key}) ON CREATE SET e.kind = m.kind, e.name = m.name, e.folded = m.folded "
    "CREATE (d)-[:MENTIONS {start: m.start, end: m.end, "
    "sentence_start: m.sentence_start, sentence_end: m.sentence_end}]->(e)"
)
_PUT_RELATIONS = (
    "UNWIND $relations AS r MATCH (s:Entity {key: r.source}), (t:Entity {key: r.target}) "
    "CREATE (s)-[:RELATES {kind: r.kind, document: $document, start: r.start, end: r.end, "
    "sentence: r.sentence, amount: r.amount, place: r.place}]->(t)"
)
_PAGE = " SKIP $offset LIMIT $limit"
_DOCUMENTS = "MATCH (d:Document)"
_FIND = "MATCH (e:Entity) WHERE e.folded CONTAINS $name"
_MENTIONS = "MATCH (d:Document)-[m:MENTIONS]->(e:Entity {key: $key})"
_OF_ENTITY = "MATCH (s:Entity)-[r:RELATES]->(t:Entity) WHERE s.key = $key OR t.key = $key"
_OF_DOCUMENT = "MATCH (s:Entity)-[r:RELATES {document: $key}]->(t:Entity)"
_OF_ID = "MATCH (s:Entity)-[r:RELATES]->(t:Entity) WHERE elementId(r) = $key"
_ENTITY = " RETURN e.key, e.kind, e.name ORDER BY size(e.name), e.name, e.key"
_MENTION = (
    " RETURN d.id, e.key, e.kind, e.name, m.start, m.end, m.sentence_start, m.sentence_end ORDER BY d.id, m.start"
)
_RELATION = (
    " RETURN s.key, s.kind, s.name, r.kind, t.key, t.kind, t.name, "
    "r.document, r.start, r.end, r.sentence, r.amount ORDER BY r.document, r.start, r.place"
)
_EDGES = (
    "MATCH (s:Entity)-[r:RELATES]->(t:Entity) WHERE s.key IN $keys OR t.key IN $keys "
    "RETURN elementId(r), s.key, t.key ORDER BY r.document, r.start, r.place LIMIT $most"
)


class Neo4jStore:
    """Keep a ``Store`` in the default database of the server at ``url``.

    ``url`` is such as ``bolt://…``, ``neo4j://…`` or ``neo4j+s://…``.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._driver: Driver = GraphDatabase.driver(
            url, auth=(user, password), connection_timeout=5, max_transaction_retry_time=10
        )
        self._prepared = False

    def check(self) -> None:
        with self._session() as session:
            session.run("RETURN 1").consume()

    def put(self, document: str, graph: Graph) -> None:
        self._prepare()
        mentions = [asdict(m.entity) | {"folded": m.entity.name.casefold()} | _span(m) for m in graph.mentions]
        relations = [
            asdict(r) | {"source": r.source.key, "target": r.target.key, "place": place}
            for place, r in enumerate(graph.relations)
        ]

        def write(transaction: ManagedTransaction) -> None:
            _forget(transaction, document)
            transaction.run("CREATE (:Document {id: $document})", document=document).consume()
            transaction.run(_PUT_MENTIONS, document=document, mentions=mentions).consume()
            transaction.run(_PUT_RELATIONS, document=document, relations=relations).consume()

        with self._session() as session:
            session.execute_write(write)

    def delete(self, document: str) -> bool:
        with self._session() as session:
            return session.execute_write(_forget, document)

    def documents(self, page: Page) -> Listed[str]:
        return self._listed(_DOCUMENTS, " RETURN d.id ORDER BY d.id", page, str)

    def find(self, name: str, page: Page) -> Listed[Entity]:
        return self._listed(_FIND, _ENTITY, page, Entity, name=name.casefold())

    def entity(self, key: str) -> Entity | None:
        rows = self._rows("MATCH (e:Entity {key: $key}) RETURN e.key, e.kind, e.name", key=key)
        return Entity(*rows[0]) if rows else None

    def mentions(self, key: str, page: Page) -> Listed[tuple[str, Mention]]:
        return self._listed(_MENTIONS, _MENTION, page, _mention, key=key)

    def relations(self, key: str, page: Page) -> Listed[Relation]:
        return self._listed(_OF_ENTITY, _RELATION, page, _relation, key=key)

    def stated(self, document: str, page: Page) -> Listed[Relation]:
        return self._listed(_OF_DOCUMENT, _RELATION, page, _relation, key=document)

    def edges(self, keys: Collection[str], most: int) -> list[Edge]:
        return [Edge(*row) for row in self._rows(_EDGES, keys=list(keys), most=most)]

    def relation(self, edge: Edge) -> Relation | None:
        rows = self._rows(_OF_ID + _RELATION, key=edge.relation)
        return _relation(*rows[0]) if rows else None

    def _listed(self, match: str, returned: str, page: Page, made: Callable[..., T], **values: object) -> Listed[T]:
        rows = self._rows(match + returned + _PAGE, **values, **vars(page))
        [[total]] = self._rows(match + " RETURN count(*)", **values)
        return Listed([made(*row) for row in rows], total)

    def _prepare(self) -> None:
        """Create the constraints, which keep two writers from creating the same entity twice.

        The first write creates them, because the server may still be starting when this service starts.
        """
        if not self._prepared:
            with self._session() as session:
                for constraint in _CONSTRAINTS:
                    session.run(constraint).consume()
            self._prepared = True

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with self._driver.session() as session:
                yield session
        except (DriverError, Neo4jError) as error:
            raise StoreUnavailable(f"Neo4j: {error}") from error

    def _rows(self, query: str, **parameters: object) -> list[list[Any]]:
        with self._session() as session:
            return session.execute_read(lambda transaction: transaction.run(query, parameters).values())


def _forget(transaction: ManagedTransaction, document: str) -> bool:
    known = transaction.run("MATCH (d:Document {id: $document}) RETURN d.id", document=document).values()
    transaction.run(_FORGET, document=document).consume()
    transaction.run("MATCH (d:Document {id: $document}) DELETE d", document=document).consume()
    return bool(known)


def _mention(document: str, key: str, kind: str, name: str, *span: int) -> tuple[str, Mention]:
    return document, Mention(Entity(key, kind, name), *span)


def _relation(*row: Any) -> Relation:
    return Relation(Entity(*row[:3]), row[3], Entity(*row[4:7]), *row[7:])


def _span(mention: Mention) -> dict[str, int]:
    return {name: value for name, value in vars(mention).items() if name != "entity"}
