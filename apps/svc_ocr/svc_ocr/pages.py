"""Define the words on a page, and compute boxes, lines and confidence.

The module does no I/O and uses only the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

Source = Literal["ocr", "text"]
Unit = Literal["px", "pt"]

#: Fewer letters than this over a picture of the page are a stamp or a page number, and not the page's text.
_STAMP_LETTERS = 20
_MOSTLY_PICTURE = 0.5
_UNREADABLE_SHARE = 0.1


@dataclass(frozen=True)
class Box:
    """Hold a rectangle: left, top, width and height in the page's unit, from its top left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Line:
    """Hold the place of a word in the reading order."""

    block: int
    paragraph: int
    line: int


@dataclass(frozen=True)
class Word:
    """Hold a word, the confidence of its reading (0–100), its box and its line."""

    text: str
    confidence: float
    box: Box
    line: Line


@dataclass(frozen=True)
class Page:
    """Hold a page. ``width`` and ``height`` are in ``unit``: pixels of an image, points (1/72 inch) of a PDF."""

    number: int
    width: int
    height: int
    unit: Unit
    source: Source
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return text_of(self.words)

    @property
    def confidence(self) -> float:
        return confidence_of(self.words)


@dataclass(frozen=True)
class Affine:
    """Map points of one picture of a page to another picture of it.

    The map is ``x' = a·x + b·y + c`` and ``y' = d·x + e·y + f``.
    """

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def apply(self, x: float, y: float) -> tuple[float, float]:
        return self.a * x + self.b * y + self.c, self.d * x + self.e * y + self.f


def box_through(box: Box, affine: Affine, *, width: float, height: float) -> Box:
    """Return the upright rectangle around ``box`` after ``affine``, cut to a page of ``width`` × ``height``."""
    corners = [affine.apply(x, y) for x in (box.x, box.x + box.width) for y in (box.y, box.y + box.height)]
    left, right = (_within(edge(x for x, _ in corners), width) for edge in (min, max))
    top, bottom = (_within(edge(y for _, y in corners), height) for edge in (min, max))
    return Box(left, top, right - left, bottom - top)


def _within(value: float, limit: float) -> float:
    return min(max(value, 0.0), limit)


def words_from_tesseract(table: Mapping[str, Sequence[Any]]) -> tuple[Word, ...]:
    """Return the words of ``pytesseract.image_to_data(…, output_type=DICT)``.

    Boxes are in pixels of that image. Rows of layout (confidence −1) and rows of blanks are left out.
    """
    rows = zip(
        table["text"],
        table["conf"],
        table["left"],
        table["top"],
        table["width"],
        table["height"],
        table["block_num"],
        table["par_num"],
        table["line_num"],
        strict=True,
    )
    return tuple(
        Word(str(text).strip(), float(confidence), Box(*box), Line(*place))
        for text, confidence, *rest in rows
        if float(confidence) >= 0 and str(text).strip()
        for box, place in [(rest[:4], rest[4:])]
    )


def text_of(words: Sequence[Word]) -> str:
    """Return the words as text, with the page's lines, and an empty line between paragraphs."""
    paragraphs = groupby(words, key=lambda word: (word.line.block, word.line.paragraph))
    return "\n\n".join(
        "\n".join(" ".join(word.text for word in line) for _, line in groupby(paragraph, key=lambda word: word.line))
        for _, paragraph in paragraphs
    )


def confidence_of(words: Sequence[Word]) -> float:
    """Return the mean confidence, weighted by the number of letters of each word; 0 without words."""
    letters = sum(len(word.text) for word in words)
    if not letters:
        return 0.0
    return sum(word.confidence * len(word.text) for word in words) / letters


def has_text_layer(text: str, picture_share: float) -> bool:
    """Tell whether a PDF page's own ``text`` is the page's text, so that no picture must be read.

    ``picture_share`` is the part of the page (0–1) that its largest picture covers.
    """
    letters = "".join(text.split())
    if not letters or letters.count("\ufffd") > _UNREADABLE_SHARE * len(letters):
        return False
    return len(letters) >= _STAMP_LETTERS or picture_share < _MOSTLY_PICTURE


def page_as_json(page: Page) -> dict[str, object]:
    return {
        "number": page.number,
        "width": page.width,
        "height": page.height,
        "unit": page.unit,
        "source": page.source,
        "text": page.text,
        "confidence": round(page.confidence, 1),
        "words": [
            {
                "text": word.text,
                "confidence": round(word.confidence, 1),
                "box": [round(side) for side in (word.box.x, word.box.y, word.box.width, word.box.height)],
            }
            for word in page.words
        ],
    }


def reading_as_json(pages: Sequence[Page]) -> dict[str, object]:
    """Return the answer of ``POST /read``: the pages, their text (a form feed between pages) and confidence."""
    return {
        "pages": [page_as_json(page) for page in pages],
        "text": "\f".join(page.text for page in pages),
        "confidence": round(confidence_of([word for page in pages for word in page.words]), 1),
    }
