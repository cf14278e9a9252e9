"""Define the pages of a document, and the limits of a reading.

The module does no I/O and uses only the standard library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ocrkit.unreadable import Unreadable
from ocrkit.words import Word, confidence_of, text_of

Source = Literal["ocr", "text"]
Unit = Literal["px", "pt"]

#: Fewer letters than this over a picture of the page are a stamp or a page number, and not the page's text.
_STAMP_LETTERS = 20
_MOSTLY_PICTURE = 0.5
_UNREADABLE_SHARE = 0.1


_CHOSEN = re.compile(r"([1-9][0-9]{0,8})(?:-([1-9][0-9]{0,8}))?")


@dataclass(frozen=True)
class Limits:
    """Hold the limits of a reading: ``pages`` of a file, ``pixels`` and ``words`` of a page.

    A scanned PDF page is rendered at ``dpi``, or at less when the page would exceed ``pixels``. ``page_seconds``
    limits each run of tesseract.
    """

    pages: int
    pixels: int
    words: int
    page_seconds: float
    dpi: int


@dataclass(frozen=True)
class Chosen:
    """Hold the pages of a file that a client asks for: ``first`` to ``last``, or to the end."""

    first: int = 1
    last: int | None = None

    def of(self, count: int, most: int) -> range:
        """Return the chosen ones of ``count`` pages. Raises Unreadable for more than ``most``, or for none."""
        if self.first > count:
            raise Unreadable(f"the file has {count} pages, and no page {self.first}")
        chosen = range(self.first, min(self.last or count, count) + 1)
        if len(chosen) > most:
            raise Unreadable(f"{len(chosen)} pages, at most {most} are read; choose some with pages=1-{most}")
        return chosen


def parse_chosen(text: str) -> Chosen | None:
    """Return the pages that ``text`` names, such as ``1-50`` or ``7``; all for "", and None for other texts."""
    if not text:
        return Chosen()
    match = _CHOSEN.fullmatch(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    return Chosen(first, last) if first <= last else None


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


def has_text_layer(text: str, picture_share: float) -> bool:
    """Tell whether a PDF page's own ``text`` is the page's text, so that no picture must be read.

    ``picture_share`` is the part of the page (0–1) that its largest picture covers.
    """
    letters = "".join(text.split())
    if not letters or letters.count("\ufffd") > _UNREADABLE_SHARE * len(letters):
        return False
    return len(letters) >= _STAMP_LETTERS or picture_share < _MOSTLY_PICTURE
