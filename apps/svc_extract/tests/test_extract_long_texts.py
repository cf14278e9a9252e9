"""Test that a long text takes time in proportion to its length, whatever it repeats."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from svc_extract.extract import TooMany, extract

LONG = 100_000
#: In seconds of the processor. Linear reading takes a fifth of one; quadratic reading takes a minute.
GENEROUS = 10.0

#: The beginnings of everything that is searched: each may lead a regular expression a long way in vain.
PIECES = st.lists(
    st.sampled_from(
        [
            "123", "1", " ", ",", ".", "'", "-", "–", "€", "$", "EUR", "(", ")", "\n", "/", "2026", "a", "B", "@", "a.",
            "Invoice", "No", ":", "#", "DE89", "GB", "RO", "March", "million", "x", "%", "\u00a0",
        ]
    ),
    min_size=1,
    max_size=6,
)  # fmt: skip


def seconds(text: str) -> float:
    started = time.process_time()
    extract(text, most=len(text))
    return time.process_time() - started


@settings(max_examples=15, deadline=None)
@given(PIECES)
def test_a_repeated_piece_of_any_kind_is_read_in_linear_time(pieces: list[str]) -> None:
    piece = "".join(pieces)
    assert seconds(piece * (LONG // len(piece))) < GENEROUS


@pytest.mark.parametrize(
    "piece",
    ["123 ", "1,", "1.", "123 456.7", "a.", "a@a.", "Invoice No", "Invoice: " + " " * 50, "$\n", "DE89 ", "€1 "],
)
def test_a_piece_that_once_took_long_is_read_in_linear_time(piece: str) -> None:
    assert seconds(piece * (LONG // len(piece))) < GENEROUS


def test_one_long_word_of_blanks_digits_or_letters_is_read_in_linear_time() -> None:
    assert seconds("Invoice: " + " " * LONG) + seconds("1" * LONG) + seconds("a" * LONG + "@") < GENEROUS


def test_a_text_with_more_findings_than_an_answer_lists_is_refused() -> None:
    assert len(extract("€1 " * 10, most=10)) == 10
    with pytest.raises(TooMany, match=r"more than 10 findings \(MAX_FINDINGS\)"):
        extract("€1 " * 11, most=10)


def test_a_number_of_too_many_digits_is_not_an_amount() -> None:
    assert extract("123 " * 1000 + "EUR", most=10) == []
    assert extract("9" * 1000 + " €", most=10) == []
