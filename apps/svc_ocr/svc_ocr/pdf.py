"""Read the own text of a PDF with MuPDF, and render its scanned pages with poppler.

These functions run in a child process: a PDF of half a kilobyte can make its reader work for hours.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pymupdf
from PIL import Image

from ocrkit.pictures import on_white
from ocrkit.prepare import Prepared, prepare
from ocrkit.unreadable import Unreadable
from ocrkit.words import Box, Line, Word
from svc_ocr.pages import Chosen, Limits, has_text_layer

POINTS_PER_INCH = 72


@dataclass(frozen=True)
class PdfPage:
    """Hold a page of a PDF: its size in points, and its own words, or None when its picture must be read."""

    number: int
    width: float
    height: float
    words: tuple[Word, ...] | None


def survey(data: bytes, chosen: Chosen, limits: Limits) -> list[PdfPage]:
    """Return the chosen pages. Raises Unreadable when the PDF is broken or locked, or has too many pages or words."""
    with _reported("the PDF is broken"), pymupdf.open(stream=data, filetype="pdf") as document:
        if document.needs_pass:
            raise Unreadable("the PDF asks for a password")
        if not document.page_count:
            raise Unreadable("the PDF is broken: it has no pages")
        numbers = chosen.of(document.page_count, limits.pages)
        return [_surveyed(document, number, limits) for number in numbers]


def prepared_scan(data: bytes, page: PdfPage, limits: Limits, turns: int) -> Prepared:
    """Return a page, rendered, turned counter-clockwise by quarters, and prepared for tesseract. Raises Unreadable."""
    command = ["pdftoppm", "-r", str(dpi_of(page, limits)), "-f", str(page.number), "-l", str(page.number)]
    rendered = subprocess.run([*command, "-cropbox", "-gray"], input=data, capture_output=True, check=False)
    with _reported("the PDF is broken"), Image.open(io.BytesIO(rendered.stdout)) as image:
        return prepare(on_white(image), turns)


def dpi_of(page: PdfPage, limits: Limits) -> int:
    """Return the resolution for a page: that of ``limits``, or less when the page would have too many pixels."""
    square_inches = page.width * page.height / POINTS_PER_INCH**2
    largest = int((limits.pixels / max(square_inches, 1e-3)) ** 0.5)
    if not largest:
        raise Unreadable(f"{square_inches:.0f} square inches have more than {limits.pixels} pixels at 1 dpi")
    return min(limits.dpi, largest)


def _surveyed(document: pymupdf.Document, number: int, limits: Limits) -> PdfPage:
    with _reported(f"page {number} of the PDF is broken"):
        page = document.load_page(number - 1)
        words = _words(page)
        if len(words) > limits.words:
            raise Unreadable(f"page {number} has {len(words)} words, at most {limits.words} are read (MAX_WORDS)")
        has_text = has_text_layer("".join(word.text for word in words), _picture_share(page))
        return PdfPage(number, page.rect.width, page.rect.height, words if has_text else None)


def _words(page: pymupdf.Page) -> tuple[Word, ...]:
    return tuple(
        Word(text, 100.0, Box(x0, y0, x1 - x0, y1 - y0), Line(block, 0, line))
        for x0, y0, x1, y1, text, block, line, _ in page.get_text("words")
    )


def _picture_share(page: pymupdf.Page) -> float:
    area = abs(page.rect)
    covered = max((abs(pymupdf.Rect(info["bbox"]) & page.rect) for info in page.get_image_info()), default=0.0)
    return float(covered / area) if area else 0.0


@contextmanager
def _reported(problem: str) -> Iterator[None]:
    """Raise Unreadable for every error of MuPDF and Pillow, which have many types."""
    try:
        yield
    except (Unreadable, MemoryError):
        raise
    except Exception as error:
        raise Unreadable(problem) from error
