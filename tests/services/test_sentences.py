"""Sentences end where a reader would say."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.sentences import Span, pieces, sentences


def said(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Wait... What?! Yes", ["Wait...", "What?!", "Yes"]),
        ("Dr. Ames met J. Smith at No. 5. They left.", ["Dr. Ames met J. Smith at No. 5.", "They left."]),
        ("Dr. A. Smith left. He slept!", ["Dr. A. Smith left.", "He slept!"]),
        ("He said no. They left.", ["He said no.", "They left."]),
        ("They sued Acme Inc. The end.", ["They sued Acme Inc.", "The end."]),
        ("Acme Inc. Europe grew.", ["Acme Inc. Europe grew."]),
        ("It costs 3.50 euros. Pay.", ["It costs 3.50 euros.", "Pay."]),
        ("It cost 1.5 million. e.g. this", ["It cost 1.5 million. e.g. this"]),
        ('"Stop." He stopped. (Then he went.) Off', ['"Stop."', "He stopped.", "(Then he went.)", "Off"]),
        ('"Stop!" he said. Off', ['"Stop!" he said.', "Off"]),
        ("a line\nwrapped here. and lower case goes on", ["a line\nwrapped here. and lower case goes on"]),
        ("a heading\n\na paragraph", ["a heading", "a paragraph"]),
        ("Ende. Über Nacht. Äpfel.", ["Ende.", "Über Nacht.", "Äpfel."]),
        (" \n\n ", []),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_say(text: str, expected: list[str]) -> None:
    assert said(text) == expected


@given(st.text(alphabet="ABab .,!?…\n'\"’”)1ü", max_size=200))
def test_no_character_is_lost_and_sentences_follow_each_other(text: str) -> None:
    spans = sentences(text)
    assert "".join("".join(said(text)).split()) == "".join(text.split())
    assert all(before.end <= after.start for before, after in pairwise(spans))


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("one two three", 20, ["one two three"]),
        ("one two three", 8, ["one two", "three"]),
        ("row one\nrow two three", 14, ["row one", "row two three"]),
        ("x" * 25, 10, ["x" * 10, "x" * 10, "x" * 5]),
    ],
)
def test_a_sentence_is_cut_after_a_line_else_after_a_word_else_anywhere(
    text: str, size: int, expected: list[str]
) -> None:
    assert [text[start:end] for start, end in pieces(text, Span(0, len(text)), size)] == expected
