"""Test the embedded store, and the paths between its entities."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from svc_kg.graph import Relation, StoreUnavailable
from svc_kg.paths import shortest_path
from svc_kg.reading import read
from svc_kg.sqlite_store import SqliteStore

ADA, ACME, BERLIN = "person:ada-lovelace", "organisation:acme-gmbh", "place:berlin"
ONE = "Ada Lovelace works for Acme GmbH. Acme GmbH is based in Berlin."
TWO = "Bob Stone lives in Berlin. Bob Stone owns Beta Ltd."


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    store = SqliteStore(tmp_path / "graph.sqlite")
    store.put("one", read("one", ONE))
    store.put("two", read("two", TWO))
    return store


def triples(relations: list[Relation]) -> list[tuple[str, str, str, str]]:
    return [(r.source.name, r.kind, r.target.name, r.document) for r in relations]


def test_a_stored_document_is_found_again(store: SqliteStore) -> None:
    assert [entity.key for entity in store.find("LOVE", 10)] == [ADA]
    assert len(store.find("", 3)) == 3
    assert store.relations([ADA]) == [relation for relation in read("one", ONE).relations if relation.source.key == ADA]
    assert [document for document, _ in store.mentions(BERLIN)] == ["one", "two"]


def test_a_second_put_replaces_the_first(store: SqliteStore) -> None:
    store.put("one", read("one", "Ada Lovelace lives in Paris."))
    assert triples(store.relations([ADA])) == [("Ada Lovelace", "LIVES_IN", "Paris", "one")]
    assert store.entity(ACME) is None


def test_deleting_a_document_removes_only_its_own_entities(store: SqliteStore) -> None:
    assert store.delete("one") is True
    assert store.delete("one") is False
    assert store.entity(ADA) is None
    assert store.entity(BERLIN) is not None
    assert triples(store.relations([BERLIN])) == [("Bob Stone", "LIVES_IN", "Berlin", "two")]


def test_a_check_writes_nothing_and_waits_for_no_writer(store: SqliteStore, tmp_path: Path) -> None:
    """Test a check during a write, as while the service stores a large document.

    The store is in use then, but not broken.
    """
    with closing(sqlite3.connect(tmp_path / "graph.sqlite", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM document")
        before = writer.execute("PRAGMA data_version").fetchone()
        store.check()
        writer.execute("ROLLBACK")
        store.check()
        assert writer.execute("PRAGMA data_version").fetchone() == before
    (tmp_path / "graph.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailable):
        store.check()


def test_data_outlive_the_store(store: SqliteStore, tmp_path: Path) -> None:
    assert SqliteStore(tmp_path / "graph.sqlite").entity(ADA) == store.entity(ADA)


def test_a_search_takes_wildcards_literally(store: SqliteStore) -> None:
    assert store.find("%", 10) == store.find("_", 10) == []


def test_a_path_goes_through_documents_whichever_way_relations_point(store: SqliteStore) -> None:
    path = shortest_path(ADA, "organisation:beta-ltd", store.relations, most=8)
    assert path is not None
    assert [(relation.kind, relation.document) for relation in path] == [
        ("WORKS_FOR", "one"),
        ("LOCATED_IN", "one"),
        ("LIVES_IN", "two"),
        ("OWNS", "two"),
    ]


def test_a_shortcut_shortens_the_path(store: SqliteStore) -> None:
    store.put("three", read("three", "Ada Lovelace lives in Berlin."))
    path = shortest_path(ADA, BERLIN, store.relations, most=8)
    assert path is not None and [relation.kind for relation in path] == ["LIVES_IN"]


def test_no_path(store: SqliteStore) -> None:
    assert shortest_path(ADA, "organisation:beta-ltd", store.relations, most=3) is None
    assert shortest_path(ADA, "place:nowhere", store.relations, most=8) is None
    assert shortest_path(ADA, ADA, store.relations, most=8) == []


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="unable to open database file"):
        SqliteStore(tmp_path / "missing" / "graph.sqlite")
