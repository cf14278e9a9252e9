"""Words become text, boxes follow the picture, and letters weigh."""

from __future__ import annotations

import pytest

from ocrkit.words import (
    Affine,
    Box,
    Line,
    Word,
    box_through,
    confidence_of,
    quarter_turned,
    text_of,
    words_from_tsv,
)

BOX = Box(10, 20, 30, 8)


def word(text: str, *, block: int = 1, paragraph: int = 1, line: int = 1, confidence: float = 90.0) -> Word:
    return Word(text, confidence, BOX, Line(block, paragraph, line))


def test_lines_and_paragraphs_become_line_breaks_and_empty_lines() -> None:
    words = [word("Dear"), word("all,"), word("please", line=2), word("Bye", paragraph=2), word("J.", block=2)]
    assert text_of(words) == "Dear all,\nplease\n\nBye\n\nJ."
    assert text_of([]) == ""


def test_confidence_weighs_letters_not_words() -> None:
    assert confidence_of([word("a", confidence=10), word("reading", confidence=90)]) == pytest.approx(80)
    assert confidence_of([]) == 0


def test_layout_rows_and_blanks_of_tesseracts_table_are_left_out() -> None:
    table = """\
level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext
1\t1\t0\t0\t0\t0\t0\t0\t100\t50\t-1\t
5\t1\t1\t1\t1\t1\t10\t20\t40\t12\t96.500000\t"Hello
5\t1\t1\t1\t1\t2\t0\t0\t5\t5\t95.000000\t\N{SPACE}
5\t1\t1\t1\t1\t3\t60\t21\t42\t11\t88.000000\tworld
"""
    assert words_from_tsv(table) == (
        Word('"Hello', 96.5, Box(10, 20, 40, 12), Line(1, 1, 1)),
        Word("world", 88.0, Box(60, 21, 42, 11), Line(1, 1, 1)),
    )


def test_a_box_is_scaled_turned_and_cut_to_the_page() -> None:
    assert box_through(BOX, Affine(0.5, 0, 0, 0, 0.5, 0), width=100, height=100) == Box(5, 10, 15, 4)
    quarter_turn = Affine(0, -1, 100, 1, 0, 0)
    assert box_through(BOX, quarter_turn, width=100, height=100) == Box(72, 10, 8, 30)
    shifted_out = Affine(1, 0, -25, 0, 1, 0)
    assert box_through(BOX, shifted_out, width=100, height=24) == Box(0, 20, 15, 4)


def test_maps_are_applied_one_after_the_other() -> None:
    double, shift = Affine(2, 0, 0, 0, 2, 0), Affine(1, 0, 10, 0, 1, 20)
    assert shift.after(double).apply(1, 2) == (12, 24)
    assert double.after(shift).apply(1, 2) == (22, 44)


@pytest.mark.parametrize(("turns", "corner"), [(0, (0, 0)), (1, (300, 0)), (2, (300, 200)), (3, (0, 200))])
def test_the_first_corner_of_a_turned_page_is_another_corner_of_the_page(turns: int, corner: tuple[int, int]) -> None:
    assert quarter_turned(turns, 300, 200).apply(0, 0) == corner
