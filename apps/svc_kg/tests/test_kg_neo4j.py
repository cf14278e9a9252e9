"""Test the store in Neo4j over the wire: its transactions, its parameters, its rows and its errors.

The server is a stub that speaks Bolt. ``test_kg_store`` runs the queries in an engine of Cypher.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from svc_kg.graph import Entity, StoreUnavailable
from svc_kg.neo4j_store import Neo4jStore
from svc_kg.reading import read

from tests.rig.bolt import Failure, bolt_server

PASSWORD = "hunter2-hunter2"
GRAPH = read("one", "Ada Lovelace works for Acme GmbH. Acme GmbH is based in Berlin.")
ADA = ["person:ada-lovelace", "person", "Ada Lovelace"]


class Server:
    """Hold the URL of the stub, the queries that it got, and the ends of their transactions."""

    url: str
    ends: list[str]

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.refused = "nothing"

    def answer(self, query: str, parameters: Mapping[str, Any]) -> list[list[Any]]:
        self.asked.append((query, parameters))
        if self.refused in query:
            raise Failure("Neo.ClientError.Statement.SyntaxError")
        return [ADA] if "RETURN e.key" in query else [["one"]] if "RETURN d.id" in query else []


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with bolt_server(server.answer, PASSWORD) as (server.url, server.ends):
        yield server


@pytest.fixture
def store(server: Server) -> Neo4jStore:
    return Neo4jStore(server.url, "neo4j", PASSWORD)


def test_a_graph_is_put_in_one_transaction(server: Server, store: Neo4jStore) -> None:
    store.put("one", GRAPH)
    assert server.ends == ["commit"]
    [mentions] = [values["mentions"] for _, values in server.asked if "mentions" in values]
    assert [mention["key"] for mention in mentions] == [mention.entity.key for mention in GRAPH.mentions]
    [relations] = [values["relations"] for _, values in server.asked if "relations" in values]
    assert [(one["source"], one["kind"], one["target"]) for one in relations] == [
        (relation.source.key, relation.kind, relation.target.key) for relation in GRAPH.relations
    ]


def test_every_value_that_a_query_names_is_sent(server: Server, store: Neo4jStore) -> None:
    store.put("one", GRAPH)
    store.delete("one")
    store.entity(ADA[0])
    assert len(server.asked) > 6
    for query, values in server.asked:
        assert set(re.findall(r"\$(\w+)", query)) == values.keys(), query
        for name, alias in re.findall(r"UNWIND \$(\w+) AS (\w+)", query):
            named = set(re.findall(rf"\b{alias}\.(\w+)", query))
            assert values[name] and all(named <= entry.keys() for entry in values[name]), query


def test_rows_become_entities(store: Neo4jStore) -> None:
    assert store.entity(ADA[0]) == Entity(*ADA)
    assert store.delete("one") is True


def test_a_put_that_fails_in_the_middle_keeps_nothing(server: Server, store: Neo4jStore) -> None:
    server.refused = "$relations"
    with pytest.raises(StoreUnavailable, match="Neo4j"):
        store.put("one", GRAPH)
    assert "commit" not in server.ends


@pytest.mark.parametrize("use", [Neo4jStore.check, lambda store: store.put("one", GRAPH)], ids=["check", "put"])
def test_a_server_out_of_reach_or_with_other_keys_is_unavailable(
    server: Server, use: Callable[[Neo4jStore], None]
) -> None:
    for store in (Neo4jStore("bolt://127.0.0.1:9", "neo4j", PASSWORD), Neo4jStore(server.url, "neo4j", "hunter3")):
        with pytest.raises(StoreUnavailable) as caught:
            use(store)
        assert "hunter" not in str(caught.value)
