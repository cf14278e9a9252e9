"""Test that all stores of graphs keep one contract, and find paths between their entities.

A store is an SQLite file, or Neo4j. Neo4j's server is a stub that speaks Bolt and runs the queries in an engine of
openCypher (``tests.rig.cypher``), because no registry that the tests reach has the server. These tests take some
seconds, and run with the integration tests.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest
from svc_kg.graph import Edge, Relation, Store, StoreUnavailable
from svc_kg.neo4j_store import Neo4jStore
from svc_kg.paths import TooWide, shortest_path
from svc_kg.reading import read
from svc_kg.sqlite_store import MENTIONED, ORPHANED, SqliteStore

from servicekit.paging import Page
from tests.rig.bolt import bolt_server
from tests.rig.cypher import cypher_engine

S = TypeVar("S", bound=Store)

ADA, ACME, BERLIN = "person:ada-lovelace", "organisation:acme-gmbh", "place:berlin"
ONE = "Ada Lovelace works for Acme GmbH. Acme GmbH is based in Berlin."
TWO = "Bob Stone lives in Berlin. Bob Stone owns Beta Ltd."
BETA = "organisation:beta-ltd"
FEW, ONE_ENTRY = Page(100, 0), Page(1, 0)


@pytest.fixture
def in_a_file(tmp_path: Path) -> SqliteStore:
    return filled(SqliteStore(tmp_path / "graph.sqlite"))


@pytest.fixture
def in_neo4j() -> Iterator[Neo4jStore]:
    with bolt_server(cypher_engine(), "secret") as (url, _):
        yield filled(Neo4jStore(url, "neo4j", "secret"))


@pytest.fixture(params=["in_a_file", pytest.param("in_neo4j", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> Store:
    opened: Store = request.getfixturevalue(request.param)
    return opened


def filled(store: S) -> S:
    store.put("one", read("one", ONE, 99))
    store.put("two", read("two", TWO, 99))
    return store


def triples(relations: Sequence[Relation]) -> list[tuple[str, str, str, str]]:
    return [(r.source.name, r.kind, r.target.name, r.document) for r in relations]


def of(store: Store, key: str) -> Sequence[Relation]:
    return store.relations(key, FEW).items


def along(store: Store, path: list[Edge] | None) -> list[tuple[str, str]]:
    assert path is not None
    found = [store.relation(edge) for edge in path]
    return [(relation.kind, relation.document) for relation in found if relation]


def test_a_stored_document_is_found_again(store: Store) -> None:
    assert [entity.key for entity in store.find("LOVE", FEW).items] == [ADA]
    assert store.find("", Page(3, 0)).total == 5
    assert of(store, ADA) == [relation for relation in read("one", ONE, 99).relations if relation.source.key == ADA]
    assert [document for document, _ in store.mentions(BERLIN, FEW).items] == ["one", "two"]


def test_a_second_put_replaces_the_first(store: Store) -> None:
    store.put("one", read("one", "Ada Lovelace lives in Paris.", 99))
    assert triples(of(store, ADA)) == [("Ada Lovelace", "LIVES_IN", "Paris", "one")]
    assert store.entity(ACME) is None


def test_a_document_of_more_rows_than_one_statement_inserts_is_kept_whole(in_a_file: SqliteStore) -> None:
    text = "".join(f"Ab{number} Cd works for Acme GmbH. " for number in range(600))
    in_a_file.put("one", read("one", text, 999))
    assert (in_a_file.stated("one", ONE_ENTRY).total, in_a_file.mentions(ACME, ONE_ENTRY).total) == (600, 600)
    assert in_a_file.find("Ab", ONE_ENTRY).total == 600
    assert in_a_file.stated("one", Page(1, 599)).items == [read("one", text, 999).relations[599]]


def test_deleting_a_document_removes_only_its_own_entities(store: Store) -> None:
    assert store.delete("one") is True
    assert store.delete("one") is False
    assert store.entity(ADA) is None
    assert store.entity(BERLIN) is not None
    assert triples(of(store, BERLIN)) == [("Bob Stone", "LIVES_IN", "Berlin", "two")]


def test_deleting_a_document_removes_its_relations_of_entities_that_stay(store: Store) -> None:
    store.put("three", read("three", ONE, 99))
    store.delete("one")
    assert triples(of(store, ACME)) == [
        ("Ada Lovelace", "WORKS_FOR", "Acme GmbH", "three"),
        ("Acme GmbH", "LOCATED_IN", "Berlin", "three"),
    ]


def test_a_check_writes_nothing_and_waits_for_no_writer(in_a_file: SqliteStore, tmp_path: Path) -> None:
    """Test a check during a write, as while the service stores a large document.

    The store is in use then, but not broken.
    """
    with closing(sqlite3.connect(tmp_path / "graph.sqlite", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM document")
        before = writer.execute("PRAGMA data_version").fetchone()
        in_a_file.check()
        writer.execute("ROLLBACK")
        in_a_file.check()
        assert writer.execute("PRAGMA data_version").fetchone() == before
    for name in ("graph.sqlite", "graph.sqlite-wal"):
        (tmp_path / name).write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailable):
        in_a_file.check()


def test_data_outlive_the_store(in_a_file: SqliteStore, tmp_path: Path) -> None:
    assert SqliteStore(tmp_path / "graph.sqlite").entity(ADA) == in_a_file.entity(ADA)


def test_documents_and_their_relations_come_in_pages(store: Store) -> None:
    assert (list(store.documents(Page(1, 1)).items), store.documents(ONE_ENTRY).total) == (["two"], 2)
    assert list(store.stated("one", FEW).items) == list(read("one", ONE, 99).relations)
    assert triples(store.stated("two", Page(1, 1)).items) == [("Bob Stone", "OWNS", "Beta Ltd", "two")]
    assert (store.stated("two", ONE_ENTRY).total, store.stated("none", FEW).total) == (2, 0)
    names = ["Berlin", "Beta Ltd", "Acme GmbH", "Bob Stone", "Ada Lovelace"]
    assert [entity.name for entity in store.find("", FEW).items] == names
    assert [entity.name for entity in store.find("", Page(2, 3)).items] == names[3:]


def test_a_search_takes_wildcards_literally(store: Store) -> None:
    assert store.find("%", FEW).total == store.find("_", FEW).total == 0


def test_a_path_goes_through_documents_whichever_way_relations_point(store: Store) -> None:
    path = shortest_path(ADA, BETA, store.edges, most=8)
    assert along(store, path) == [
        ("WORKS_FOR", "one"),
        ("LOCATED_IN", "one"),
        ("LIVES_IN", "two"),
        ("OWNS", "two"),
    ]


def test_a_shortcut_shortens_the_path(store: Store) -> None:
    store.put("three", read("three", "Ada Lovelace lives in Berlin.", 99))
    assert along(store, shortest_path(ADA, BERLIN, store.edges, most=8)) == [("LIVES_IN", "three")]


def test_no_path(store: Store) -> None:
    assert shortest_path(ADA, BETA, store.edges, most=3) is None
    assert shortest_path(ADA, "place:nowhere", store.edges, most=8) is None
    assert shortest_path(ADA, ADA, store.edges, most=8) == []


def test_a_search_that_reads_too_many_relations_ends(store: Store) -> None:
    for number in range(9):
        store.put(str(number), read(str(number), f"Ab{number} Cd lives in Berlin.", 99))
    with pytest.raises(TooWide):
        shortest_path(ADA, "organisation:nowhere", store.edges, most=8, width=5)


def test_a_put_reads_and_deletes_only_its_own_entities(in_a_file: SqliteStore, tmp_path: Path) -> None:
    """Test the plans of SQLite: a scan would take longer with each stored document."""
    with closing(sqlite3.connect(tmp_path / "graph.sqlite")) as database:
        for statement in (ORPHANED, MENTIONED, "DELETE FROM document WHERE id = ?"):
            plan = database.execute(f"EXPLAIN QUERY PLAN {statement}", ("[]",)).fetchall()
            assert not [step for *_, step in plan if step.startswith("SCAN") and "json_each" not in step], plan


def test_writes_of_many_threads_are_all_kept(store: Store) -> None:
    names = [f"thread {number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: store.put(name, read(name, ONE, 99)), names))
    assert store.documents(ONE_ENTRY).total == 42
    assert store.mentions(ADA, ONE_ENTRY).total == 41


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="unable to open database file"):
        SqliteStore(tmp_path / "missing" / "graph.sqlite")
