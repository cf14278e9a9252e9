"""Read files into pages.

PyMuPDF reads the own text of a PDF. Scanned PDF pages are rendered by poppler, and OpenCV and tesseract read all
pictures.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pdf2image
import pdf2image.exceptions
import pymupdf
import pytesseract
from PIL import Image, ImageOps, ImageSequence

from svc_ocr.kinds import Kind
from svc_ocr.pages import Affine, Box, Line, Page, Word, box_through, has_text_layer, words_from_tesseract
from svc_ocr.prepare import Picture, prepare

POINTS_PER_INCH = 72


class Unreadable(Exception):
    """Report a file of a known kind that cannot be read. The message names the cause."""


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


def languages() -> frozenset[str]:
    """Return the languages that the installed tesseract can read, such as ``eng``."""
    return frozenset(pytesseract.get_languages()) - {"osd"}


def read(data: bytes, kind: Kind, language: str, limits: Limits) -> list[Page]:
    """Return the pages of ``data``.

    Raises Unreadable for a file that is broken or locked, has too many or too large pages, or takes too long.
    """
    return list(_pdf_pages(data, language, limits) if kind is Kind.PDF else _image_pages(data, language, limits))


def _image_pages(data: bytes, language: str, limits: Limits) -> Iterator[Page]:
    try:
        with Image.open(io.BytesIO(data)) as image:
            _allow_pages(getattr(image, "n_frames", 1), limits)
            for number, frame in enumerate(ImageSequence.Iterator(image), start=1):
                if frame.width * frame.height > limits.pixels:
                    raise Unreadable(
                        f"page {number} has {frame.width} × {frame.height} pixels, at most {limits.pixels} are read"
                    )
                picture = _on_white(ImageOps.exif_transpose(frame))
                height, width = picture.shape[:2]
                words = _ocr(picture, number, language, limits)
                yield Page(number, width, height, "px", "ocr", words)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise Unreadable("the image is broken") from error


def _on_white(image: Image.Image) -> Picture:
    """Return the picture as RGB, height × width × 3. Transparent parts become white, like paper."""
    if image.mode.startswith("I;16") or image.mode == "I":
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.asarray(image.convert("RGB"), dtype=np.uint8)


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
        _allow_pages(document.page_count, limits)
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
        for word in _ocr(_on_white(image), number, language, limits)
    )
    return Page(number, round(width), round(height), "pt", "ocr", words)


def _ocr(picture: Picture, number: int, language: str, limits: Limits) -> tuple[Word, ...]:
    """Return the words of ``picture``, with boxes in its pixels."""
    height, width = picture.shape[:2]
    prepared = prepare(picture)
    try:
        table = pytesseract.image_to_data(
            Image.fromarray(prepared.picture),
            lang=language,
            output_type=pytesseract.Output.DICT,
            timeout=limits.page_seconds,
        )
    except pytesseract.TesseractError as error:
        raise Unreadable(f"page {number}: tesseract: {error.message}") from error
    except RuntimeError as error:  # pytesseract raises it when its timeout ends tesseract
        raise Unreadable(f"page {number} takes more than {limits.page_seconds} s to read") from error
    return tuple(
        replace(word, box=box_through(word.box, prepared.to_page, width=width, height=height))
        for word in words_from_tesseract(table)
    )


def _allow_pages(count: int, limits: Limits) -> None:
    if count > limits.pages:
        raise Unreadable(f"{count} pages, at most {limits.pages} are read")
