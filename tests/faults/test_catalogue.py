"""The map from faults to tests is whole and true."""

from __future__ import annotations

from tests.faults import catalogue

ROWS = [row.id for chapter in catalogue.CHAPTERS for row in catalogue.rows(chapter)]


def test_every_row_has_a_different_code() -> None:
    assert len(ROWS) == len(set(ROWS))


def test_every_row_has_a_test() -> None:
    assert set(ROWS) - set(catalogue.marked()) == set()


def test_every_mark_names_a_row() -> None:
    assert set(catalogue.marked()) - set(ROWS) == set()


def test_the_document_matches_the_marks() -> None:
    said = "python -m tests.faults.catalogue > tests/faults/README.md"
    assert catalogue.DOCUMENT.read_text("utf-8") == catalogue.document(), said
