from typing import Any

import pytest
from svc_ocr.pages import (
    Affine,
    Box,
    Line,
    Page,
    Word,
    box_through,
    confidence_of,
    has_text_layer,
    reading_as_json,
    text_of,
    words_from_tesseract,
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


def test_tesseracts_table_loses_its_layout_rows_and_blanks() -> None:
    table: dict[str, list[Any]] = {
        "text": ["", "Hello", "  ", "world"],
        "conf": ["-1", "96.5", "95", 88],
        "left": [0, 10, 0, 60],
        "top": [0, 20, 0, 21],
        "width": [100, 40, 5, 42],
        "height": [50, 12, 5, 11],
        "block_num": [1, 1, 1, 1],
        "par_num": [0, 1, 1, 1],
        "line_num": [0, 1, 1, 1],
    }
    assert words_from_tesseract(table) == (
        Word("Hello", 96.5, Box(10, 20, 40, 12), Line(1, 1, 1)),
        Word("world", 88.0, Box(60, 21, 42, 11), Line(1, 1, 1)),
    )


def test_a_box_is_scaled_turned_and_cut_to_the_page() -> None:
    assert box_through(BOX, Affine(0.5, 0, 0, 0, 0.5, 0), width=100, height=100) == Box(5, 10, 15, 4)
    quarter_turn = Affine(0, -1, 100, 1, 0, 0)
    assert box_through(BOX, quarter_turn, width=100, height=100) == Box(72, 10, 8, 30)
    shifted_out = Affine(1, 0, -25, 0, 1, 0)
    assert box_through(BOX, shifted_out, width=100, height=24) == Box(0, 20, 15, 4)


@pytest.mark.parametrize(
    ("text", "picture_share", "expected"),
    [
        ("A page that says enough to be itself.", 0.0, True),
        ("A page that says enough over a background.", 1.0, True),
        ("Page 3", 0.0, True),
        ("Page 3", 0.95, False),
        ("", 0.0, False),
        ("  \n ", 0.2, False),
        ("\ufffd\ufffd\ufffd of letters whose font has no names", 0.0, True),
        ("\ufffd\ufffd\ufffd\ufffd no names", 0.0, False),
    ],
)
def test_when_a_pdf_page_speaks_for_itself(text: str, picture_share: float, expected: bool) -> None:
    assert has_text_layer(text, picture_share) is expected


def test_the_answer_has_pages_text_and_confidence() -> None:
    pages = [
        Page(1, 600, 800, "px", "ocr", (word("one", confidence=81.04),)),
        Page(2, 595, 842, "pt", "text", ()),
    ]
    assert reading_as_json(pages) == {
        "pages": [
            {
                "number": 1,
                "width": 600,
                "height": 800,
                "unit": "px",
                "source": "ocr",
                "text": "one",
                "confidence": 81.0,
                "words": [{"text": "one", "confidence": 81.0, "box": [10, 20, 30, 8]}],
            },
            {
                "number": 2,
                "width": 595,
                "height": 842,
                "unit": "pt",
                "source": "text",
                "text": "",
                "confidence": 0.0,
                "words": [],
            },
        ],
        "text": "one\f",
        "confidence": 81.0,
    }
