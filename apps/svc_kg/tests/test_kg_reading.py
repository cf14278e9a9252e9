"""Test the graph of a text, case by case."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from svc_kg.names import find_names
from svc_kg.reading import LONGEST, TooMany, read

from servicekit.sentences import sentences

MOST = 10_000


def said(text: str) -> list[tuple[str, str, str]]:
    return [(r.source.name, r.kind, r.target.name) for r in read("d", text, MOST).relations]


def keys(text: str) -> list[str]:
    return sorted(entity.key for entity in read("d", text, MOST).entities)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada Lovelace works for Acme GmbH.", [("Ada Lovelace", "WORKS_FOR", "Acme GmbH")]),
        ("Dr. Grace Hopper joined the Beta Ltd in 1949.", [("Grace Hopper", "WORKS_FOR", "Beta Ltd")]),
        ("Acme, Inc. was founded in 1999 by Bob Stone.", [("Bob Stone", "FOUNDED", "Acme Inc")]),
        ("Alice Wong is the CEO of Gamma plc.", [("Alice Wong", "LEADS", "Gamma plc")]),
        ("Acme GmbH is located in the city of Berlin.", [("Acme GmbH", "LOCATED_IN", "Berlin")]),
        ("Ada Lovelace was born in London.", [("Ada Lovelace", "BORN_IN", "London")]),
        ("Acme GmbH has recently acquired Beta Ltd.", [("Acme GmbH", "OWNS", "Beta Ltd")]),
        ("Beta Ltd is owned by Acme GmbH.", [("Acme GmbH", "OWNS", "Beta Ltd")]),
        ("Acme GmbH paid Beta Ltd EUR 5,000.", [("Acme GmbH", "PAID", "Beta Ltd")]),
        ("Acme GmbH paid EUR 5,000 to Beta Ltd.", [("Acme GmbH", "PAID", "Beta Ltd")]),
        ("Acme GmbH paid Bob Stone EUR 5,000.", [("Acme GmbH", "PAID", "Bob Stone")]),
        ("Acme GmbH paid EUR 5,000.", [("Acme GmbH", "PAID", "EUR 5,000")]),
        (
            "Ada Lovelace and Charles Babbage founded Engine Works AG.",
            [("Ada Lovelace", "FOUNDED", "Engine Works AG"), ("Charles Babbage", "FOUNDED", "Engine Works AG")],
        ),
        (
            "Ada Lovelace, who works for Acme GmbH, founded Beta Ltd.",
            [("Ada Lovelace", "WORKS_FOR", "Acme GmbH"), ("Ada Lovelace", "FOUNDED", "Beta Ltd")],
        ),
        (
            "Ada Lovelace founded Acme GmbH and Beta Ltd and lives in Paris.",
            [
                ("Ada Lovelace", "FOUNDED", "Acme GmbH"),
                ("Ada Lovelace", "FOUNDED", "Beta Ltd"),
                ("Ada Lovelace", "LIVES_IN", "Paris"),
            ],
        ),
        (
            "Ada Lovelace works for Acme GmbH and Charles Babbage works for Beta Ltd.",
            [("Ada Lovelace", "WORKS_FOR", "Acme GmbH"), ("Charles Babbage", "WORKS_FOR", "Beta Ltd")],
        ),
        ("Ada Lovelace works for\nAcme GmbH.", [("Ada Lovelace", "WORKS_FOR", "Acme GmbH")]),
        (
            "Dr. Ada Lovelace and Prof. Dr. Bob Stone founded Acme GmbH.",
            [("Ada Lovelace", "FOUNDED", "Acme GmbH"), ("Bob Stone", "FOUNDED", "Acme GmbH")],
        ),
        ("Acme GmbH is owned by Mr. Bob Stone.", [("Bob Stone", "OWNS", "Acme GmbH")]),
        ("Acme GmbH paid EUR 5,000 to Ms. Eve Moss.", [("Acme GmbH", "PAID", "Eve Moss")]),
        ("Reportedly Bob Stone joined Acme GmbH.", [("Bob Stone", "WORKS_FOR", "Acme GmbH")]),
        ("Recently, Sally Stone joined Acme GmbH.", [("Sally Stone", "WORKS_FOR", "Acme GmbH")]),
        (
            "Bob Stone works for Acme GmbH and asks whether Eve Moss joined Beta Ltd.",
            [("Bob Stone", "WORKS_FOR", "Acme GmbH")],
        ),
    ],
)
def test_a_sentence_says_its_relations(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Ada Lovelace never worked for Acme GmbH.",
        "Ada Lovelace did not found Acme GmbH.",
        "Ada Lovelace met Acme GmbH.",
        "It works for Acme GmbH.",
        "Ada Lovelace. Works for Acme GmbH.",
        "If Bob Stone joined Acme GmbH, Eve Moss would leave.",
        "Bob Stone joined Acme GmbH, unless Eve Moss lied.",
        "Had Bob Stone joined Acme GmbH, Eve Moss would have left.",
        "Suppose Bob Stone founded Acme GmbH.",
        "",
    ],
)
def test_a_sentence_without_a_known_relation_gives_none(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to Ada@Acme.example about EUR 1,000.", ["amount:eur-1,000", "email:ada@acme.example"]),
        ("Mr. Smith met Prof. Dr. Weber in Vienna.", ["person:smith", "person:weber", "place:vienna"]),
        (
            "The University of Oxford and the Anglo Bank agreed.",
            ["organisation:anglo-bank", "organisation:university-of-oxford"],
        ),
        ("Smith & Co. KG invested in Acme.", ["organisation:smith-co-kg"]),
        ("Ludwig van Beethoven was born in Bonn.", ["person:ludwig-van-beethoven", "place:bonn"]),
        ("In March, nothing happened in 2026.", []),
        ("Acme GmbH's offices are near Hamburg.", ["organisation:acme-gmbh", "place:hamburg"]),
        ("An increase in Cash and a change in Income.", []),
        ("Emily Stone met Kelly Moss in Turin.", ["place:turin"]),
    ],
)
def test_entities_are_found_by_their_form_or_position(text: str, expected: list[str]) -> None:
    assert keys(text) == expected


def test_a_short_name_stands_for_the_longer_one_of_the_document() -> None:
    text = "Ada Lovelace founded Acme GmbH. Later, Lovelace moved to Turin. Acme is based in Berlin."
    assert said(text) == [
        ("Ada Lovelace", "FOUNDED", "Acme GmbH"),
        ("Ada Lovelace", "LIVES_IN", "Turin"),
        ("Acme GmbH", "LOCATED_IN", "Berlin"),
    ]


def test_a_short_name_that_fits_two_longer_ones_stands_for_itself() -> None:
    text = "Ada Stone joined Acme GmbH. Bob Stone joined Acme GmbH. Stone moved to Turin."
    assert said(text)[-1] == ("Stone", "LIVES_IN", "Turin")


def test_a_payment_keeps_its_amount() -> None:
    (relation,) = read("d", "Acme GmbH paid Beta Ltd $1,200.50 on Monday.", MOST).relations
    assert (relation.amount, relation.document) == ("$1,200.50", "d")


def test_provenance_is_the_sentence() -> None:
    text = "Nothing here. Ada Lovelace works for Acme GmbH.  Nor here."
    graph = read("d", text, MOST)
    (relation,) = graph.relations
    assert text[relation.start : relation.end] == relation.sentence == "Ada Lovelace works for Acme GmbH."
    assert [text[m.start : m.end] for m in graph.mentions] == ["Ada Lovelace", "Acme GmbH"]
    assert {(m.sentence_start, m.sentence_end) for m in graph.mentions} == {(relation.start, relation.end)}


@given(st.text(alphabet="ABab .,!\n'’&@€19", max_size=120))
def test_any_text_is_read_with_true_spans(text: str) -> None:
    covered = [(start, end) for start, end in sentences(text)]
    assert "".join("".join(text[start:end] for start, end in covered).split()) == "".join(text.split())
    for start, end in covered:
        for name in find_names(text, start, end):
            assert start <= name.start < name.end <= end
    read("d", text, MOST)


@pytest.mark.parametrize(
    "piece",
    ["Ada Lovelace works for Acme GmbH. ", "Bank ", "The ", "A.", ".", "a@a.", "a%", "1,", "Ab, and ", "\n \n", "x"],
)
def test_a_long_document_is_read_in_reasonable_time(piece: str) -> None:
    """Test that four times the text takes about four times as long.

    With a regular expression that backtracks it would take sixteen times as long.
    """

    def seconds(length: int) -> float:
        started = time.process_time()
        read("d", piece * (length // len(piece)), MOST)
        return time.process_time() - started

    assert seconds(200_000) < 10 * seconds(50_000) + 0.5


def test_a_list_of_many_names_says_no_more_than_so_many_relations() -> None:
    names = ", ".join(f"Ab{number} Cd" for number in "abcdefghijklmnopqrstuvwxyz")
    assert len(read("d", f"{names} founded {names} and {names}.", MOST).relations) <= 400


def test_a_text_that_states_too_many_relations_is_refused() -> None:
    names = ", ".join(f"Ab{number} Cd" for number in "abcdefghij")
    with pytest.raises(TooMany, match="more than 500 relations"):
        read("d", f"{names} founded {names}. " * 1000, 500)


def test_a_table_without_full_stops_is_read_in_pieces() -> None:
    graph = read("d", "word " * 1000 + "Acme GmbH " + "word " * 1000, MOST)
    (mention,) = graph.mentions
    assert mention.sentence_end - mention.sentence_start <= LONGEST
