import pytest
from svc_ocr.pages import Page, has_text_layer, reading_as_json

from ocrkit.words import Box, Line, Word

BOX = Box(10, 20, 30, 8)


def word(text: str, confidence: float) -> Word:
    return Word(text, confidence, BOX, Line(1, 1, 1))


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
