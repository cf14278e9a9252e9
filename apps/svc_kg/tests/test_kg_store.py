"""Test the embedded store, and the paths between its entities."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from svc_kg.graph import Edge, Relation, StoreUnavailable
from svc_kg.paths import TooWide, shortest_path
from svc_kg.reading import read
from svc_kg.sqlite_store import MENTIONED, ORPHANED, SqliteStore

from servicekit.paging import Page

ADA, ACME, BERLIN = "person:ada-lovelace", "organisation:acme-gmbh", "place:berlin"
ONE = "Ada Lovelace works for Acme GmbH. Acme GmbH is based in Berlin."
TWO = "Bob Stone lives in Berlin. Bob Stone owns Beta Ltd."
BETA = "organisation:beta-ltd"
FEW, ONE_ENTRY = Page(100, 0), Page(1, 0)


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    store = SqliteStore(tmp_path / "graph.sqlite")
    store.put("one", read("one", ONE, 99))
    store.put("two", read("two", TWO, 99))
    return store


def triples(relations: Sequence[Relation]) -> list[tuple[str, str, str, str]]:
    return [(r.source.name, r.kind, r.target.name, r.document) for r in relations]


def of(store: SqliteStore, key: str) -> Sequence[Relation]:
    return store.relations(key, FEW).items


def along(store: SqliteStore, path: list[Edge] | None) -> list[tuple[str, str]]:
    assert path is not None
    found = [store.relation(edge) for edge in path]
    return [(relation.kind, relation.document) for relation in found if relation]


def test_a_stored_document_is_found_again(store: SqliteStore) -> None:
    assert [entity.key for entity in store.find("LOVE", FEW).items] == [ADA]
    assert store.find("", Page(3, 0)).total == 5
    assert of(store, ADA) == [relation for relation in read("one", ONE, 99).relations if relation.source.key == ADA]
    assert [document for document, _ in store.mentions(BERLIN, FEW).items] == ["one", "two"]


def test_a_second_put_replaces_the_first(store: SqliteStore) -> None:
    store.put("one", read("one", "Ada Lovelace lives in Paris.", 99))
    assert triples(of(store, ADA)) == [("Ada Lovelace", "LIVES_IN", "Paris", "one")]
    assert store.entity(ACME) is None


def test_a_document_of_more_rows_than_one_statement_inserts_is_kept_whole(store: SqliteStore) -> None:
    text = "".join(f"Ab{number} Cd works for Acme GmbH. " for number in range(600))
    store.put("one", read("one", text, 999))
    assert (store.stated("one", ONE_ENTRY).total, store.mentions(ACME, ONE_ENTRY).total) == (600, 600)
    assert store.find("Ab", ONE_ENTRY).total == 600
    assert store.stated("one", Page(1, 599)).items == [read("one", text, 999).relations[599]]


def test_deleting_a_document_removes_only_its_own_entities(store: SqliteStore) -> None:
    assert store.delete("one") is True
    assert store.delete("one") is False
    assert store.entity(ADA) is None
    assert store.entity(BERLIN) is not None
    assert triples(of(store, BERLIN)) == [("Bob Stone", "LIVES_IN", "Berlin", "two")]


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
    for name in ("graph.sqlite", "graph.sqlite-wal"):
        (tmp_path / name).write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailable):
        store.check()


def test_data_outlive_the_store(store: SqliteStore, tmp_path: Path) -> None:
    assert SqliteStore(tmp_path / "graph.sqlite").entity(ADA) == store.entity(ADA)


def test_a_search_takes_wildcards_literally(store: SqliteStore) -> None:
    assert store.find("%", FEW).total == store.find("_", FEW).total == 0


def test_a_path_goes_through_documents_whichever_way_relations_point(store: SqliteStore) -> None:
    path = shortest_path(ADA, BETA, store.edges, most=8)
    assert along(store, path) == [
        ("WORKS_FOR", "one"),
        ("LOCATED_IN", "one"),
        ("LIVES_IN", "two"),
        ("OWNS", "two"),
    ]


def test_a_shortcut_shortens_the_path(store: SqliteStore) -> None:
    store.put("three", read("three", "Ada Lovelace lives in Berlin.", 99))
    assert along(store, shortest_path(ADA, BERLIN, store.edges, most=8)) == [("LIVES_IN", "three")]


def test_no_path(store: SqliteStore) -> None:
    assert shortest_path(ADA, BETA, store.edges, most=3) is None
    assert shortest_path(ADA, "place:nowhere", store.edges, most=8) is None
    assert shortest_path(ADA, ADA, store.edges, most=8) == []


def test_a_search_that_reads_too_many_relations_ends(store: SqliteStore) -> None:
    for number in range(9):
        store.put(str(number), read(str(number), f"Ab{number} Cd lives in Berlin.", 99))
    with pytest.raises(TooWide):
        shortest_path(ADA, "organisation:nowhere", store.edges, most=8, width=5)


def test_a_put_reads_and_deletes_only_its_own_entities(store: SqliteStore, tmp_path: Path) -> None:
    """Test the plans of SQLite: a scan would take longer with each stored document."""
    with closing(sqlite3.connect(tmp_path / "graph.sqlite")) as database:
        for statement in (ORPHANED, MENTIONED, "DELETE FROM document WHERE id = ?"):
            plan = database.execute(f"EXPLAIN QUERY PLAN {statement}", ("[]",)).fetchall()
            assert not [step for *_, step in plan if step.startswith("SCAN") and "json_each" not in step], plan


def test_writes_of_many_threads_are_all_kept(store: SqliteStore) -> None:
    names = [f"thread {number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: store.put(name, read(name, ONE, 99)), names))
    assert store.documents(ONE_ENTRY).total == 42
    assert store.mentions(ADA, ONE_ENTRY).total == 41


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="unable to open database file"):
        SqliteStore(tmp_path / "missing" / "graph.sqlite")
