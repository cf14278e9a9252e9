import pytest
from svc_ocr.answers import reading_as_json
from svc_ocr.pages import Chosen, Limits, Page, has_text_layer, parse_chosen
from svc_ocr.pdf import PdfPage, dpi_of

from ocrkit.unreadable import Unreadable
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


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("", Chosen(1, None)),
        ("1-50", Chosen(1, 50)),
        ("7", Chosen(7, 7)),
        ("50-1", None),
        ("0-3", None),
        ("1-", None),
        ("-1", None),
        ("a", None),
        ("1-9999999999", None),
    ],
)
def test_pages_are_chosen_by_the_first_and_the_last(text: str, chosen: Chosen | None) -> None:
    assert parse_chosen(text) == chosen


def test_the_last_chosen_page_may_be_beyond_the_end() -> None:
    assert Chosen(1, 50).of(31, 50) == range(1, 32)
    assert Chosen(60, 107).of(107, 50) == range(60, 108)


@pytest.mark.parametrize(
    ("chosen", "count", "said"),
    [
        (Chosen(), 107, "107 pages, at most 50 are read; choose some with pages=1-50"),
        (Chosen(1, 60), 107, "60 pages, at most 50 are read"),
        (Chosen(108, 110), 107, "the file has 107 pages, and no page 108"),
    ],
)
def test_too_many_pages_or_none_are_refused(chosen: Chosen, count: int, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        chosen.of(count, 50)


@pytest.mark.parametrize(
    ("width", "height", "dpi"), [(595, 842, 200), (40_000, 72, 200), (40_000, 4_000, 36), (0, 100, 200)]
)
def test_a_page_is_rendered_with_at_most_so_many_pixels(width: float, height: float, dpi: int) -> None:
    limits = Limits(pages=50, pixels=40_000_000, words=100, page_seconds=1, dpi=200)
    assert dpi_of(PdfPage(1, width, height, None), limits) == dpi
    assert width * height * (dpi / 72) ** 2 <= 40_000_000


def test_a_page_that_has_too_many_pixels_at_any_resolution_is_refused() -> None:
    limits = Limits(pages=50, pixels=40_000_000, words=100, page_seconds=1, dpi=200)
    with pytest.raises(Unreadable, match="more than 40000000 pixels at 1 dpi"):
        dpi_of(PdfPage(1, 1e6, 1e6, None), limits)
