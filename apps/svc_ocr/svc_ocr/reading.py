"""Read files into pages.

PyMuPDF reads the own text of a PDF. Scanned PDF pages are rendered by poppler, and OpenCV and tesseract read all
pictures.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import anyio.from_thread
import pdf2image
import pdf2image.exceptions
import pymupdf

from ocrkit.kinds import Kind
from ocrkit.pictures import Limits as PictureLimits
from ocrkit.pictures import allow_pages, on_white, pictures_of
from ocrkit.prepare import Picture, prepare
from ocrkit.tesseract import read_words
from ocrkit.unreadable import Unreadable
from ocrkit.words import Affine, Box, Line, Word, box_through
from svc_ocr.pages import Page, has_text_layer

POINTS_PER_INCH = 72


@dataclass(frozen=True)
class Limits:
    """Hold the limits of a reading. ``pages`` is per file, ``pixels`` per page.

    A scanned PDF page is rendered at ``dpi``, or at less when the page would exceed ``pixels``. ``page_seconds``
    limits the rendering and the reading of a page, separately.
    """

    pages: int
    pixels: int
    page_seconds: int
    dpi: int


def read(data: bytes, kind: Kind, language: str, limits: Limits) -> list[Page]:
    """Return the pages of ``data``.

    Raises Unreadable for a file that is broken or locked, has too many or too large pages, or takes too long.
    """
    return list(_pdf_pages(data, language, limits) if kind is Kind.PDF else _image_pages(data, language, limits))


def _image_pages(data: bytes, language: str, limits: Limits) -> Iterator[Page]:
    for number, picture in enumerate(pictures_of(data, PictureLimits(limits.pages, limits.pixels)), start=1):
        height, width = picture.shape[:2]
        yield Page(number, width, height, "px", "ocr", _ocr(picture, number, language, limits))


def _pdf_pages(data: bytes, language: str, limits: Limits) -> Iterator[Page]:
    try:
        document = pymupdf.open(stream=data, filetype="pdf")
    except (RuntimeError, ValueError) as error:
        raise Unreadable("the PDF is broken") from error
    with document:
        if document.needs_pass:
            raise Unreadable("the PDF asks for a password")
        if not document.page_count:
            raise Unreadable("the PDF is broken: it has no pages")
        allow_pages(document.page_count, limits.pages)
        for number in range(1, document.page_count + 1):
            try:
                page = document.load_page(number - 1)
                text, pictures = page.get_text(), _picture_share(page)
            except (RuntimeError, ValueError) as error:
                raise Unreadable(f"page {number} of the PDF is broken") from error
            if has_text_layer(text, pictures):
                yield _page_from_text_layer(page, number)
            else:
                yield _page_from_scan(data, page, number, language, limits)


def _picture_share(page: pymupdf.Page) -> float:
    area = abs(page.rect)
    covered = max((abs(pymupdf.Rect(info["bbox"]) & page.rect) for info in page.get_image_info()), default=0.0)
    return float(covered / area) if area else 0.0


def _page_from_text_layer(page: pymupdf.Page, number: int) -> Page:
    words = tuple(
        Word(text, 100.0, Box(x0, y0, x1 - x0, y1 - y0), Line(block, 0, line))
        for x0, y0, x1, y1, text, block, line, _ in page.get_text("words")
    )
    return Page(number, round(page.rect.width), round(page.rect.height), "pt", "text", words)


def _page_from_scan(data: bytes, page: pymupdf.Page, number: int, language: str, limits: Limits) -> Page:
    """Render the page, read it, and convert the boxes to points."""
    width, height = page.rect.width, page.rect.height
    largest = (limits.pixels / max(width * height, 1)) ** 0.5 * POINTS_PER_INCH
    dpi = max(1, int(min(limits.dpi, largest)))
    try:
        [image] = pdf2image.convert_from_bytes(
            data, dpi=dpi, first_page=number, last_page=number, use_cropbox=True, timeout=limits.page_seconds
        )
    except pdf2image.exceptions.PDFPopplerTimeoutError:
        raise Unreadable(f"page {number} takes more than {limits.page_seconds} s to render") from None
    except (pdf2image.exceptions.PDFPageCountError, pdf2image.exceptions.PDFSyntaxError, ValueError) as error:
        raise Unreadable(f"page {number} of the PDF is broken") from error
    to_points = Affine(POINTS_PER_INCH / dpi, 0, 0, 0, POINTS_PER_INCH / dpi, 0)
    words = tuple(
        replace(word, box=box_through(word.box, to_points, width=width, height=height))
        for word in _ocr(on_white(image), number, language, limits)
    )
    return Page(number, round(width), round(height), "pt", "ocr", words)


def _ocr(picture: Picture, number: int, language: str, limits: Limits) -> tuple[Word, ...]:
    """Return the words of ``picture``, with boxes in its pixels. Runs in a worker thread of the event loop."""
    height, width = picture.shape[:2]
    prepared = prepare(picture)
    try:
        words = anyio.from_thread.run(read_words, prepared.picture, language, limits.page_seconds)
    except Unreadable as error:
        raise Unreadable(f"page {number}: {error}") from error
    return tuple(
        replace(word, box=box_through(word.box, prepared.to_page, width=width, height=height)) for word in words
    )
