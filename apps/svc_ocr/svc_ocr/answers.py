"""Define the answer of ``POST /read``, and make it of pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's from Python 3.12 on

from ocrkit.words import confidence_of
from svc_ocr.pages import Page, Source, Unit


class ReadWord(TypedDict):
    """A word. ``box`` holds its left, top, width and height in the page's unit."""

    text: str
    confidence: float
    box: Annotated[list[int], Field(min_length=4, max_length=4)]


class ReadPage(TypedDict):
    number: int
    width: int
    height: int
    unit: Unit
    source: Source
    text: str
    confidence: float
    words: list[ReadWord]


class Reading(TypedDict):
    """The pages, their text (a form feed between pages) and confidence (0–100)."""

    pages: list[ReadPage]
    text: str
    confidence: float


def page_as_json(page: Page) -> ReadPage:
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


def reading_as_json(pages: Sequence[Page]) -> Reading:
    return {
        "pages": [page_as_json(page) for page in pages],
        "text": "\f".join(page.text for page in pages),
        "confidence": round(confidence_of([word for page in pages for word in page.words]), 1),
    }
