"""Read files into pages.

PyMuPDF reads the own text of a PDF. Scanned PDF pages are rendered by poppler, and OpenCV and tesseract read all
pictures. Child processes do all of it except tesseract, which is a program.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ocrkit.kinds import Kind
from ocrkit.pictures import count_pages, prepared_page
from ocrkit.prepare import Prepared
from ocrkit.reading import Prepare, read_page
from ocrkit.unreadable import Unreadable
from ocrkit.words import Affine, Word, box_through
from svc_ocr.pages import Chosen, Limits, Page
from svc_ocr.pdf import POINTS_PER_INCH, PdfPage, dpi_of, prepared_scan, survey

#: Runs a function in a child process: ``Parsers.run``.
Run = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Reader:
    """Read files. A page waits for its ``turn``, so that a letter does not wait for a book.

    A reading that is cancelled ends its child process and its tesseract.
    """

    run: Run
    turn: Callable[[], AbstractAsyncContextManager[None]]
    limits: Limits

    async def __call__(self, data: bytes, kind: Kind, language: str, chosen: Chosen) -> list[Page]:
        """Return the chosen pages of ``data``.

        Raises Unreadable for a file that is broken or locked, has too many or too large pages, or takes too long.
        """
        if kind is Kind.PDF:
            surveyed = await self.run(survey, data, chosen, self.limits)
            return [await self._pdf_page(data, page, language) for page in surveyed]
        numbers = chosen.of(await self.run(count_pages, data), self.limits.pages)
        return [await self._image_page(data, number, language) for number in numbers]

    async def _image_page(self, data: bytes, number: int, language: str) -> Page:
        prepare = partial(self.run, prepared_page, data, number, self.limits.pixels)
        picture, words = await self._read(prepare, number, language)
        return Page(number, picture.width, picture.height, "px", "ocr", words)

    async def _pdf_page(self, data: bytes, page: PdfPage, language: str) -> Page:
        if page.words is not None:
            return Page(page.number, round(page.width), round(page.height), "pt", "text", page.words)
        prepare = partial(self.run, prepared_scan, data, page, self.limits)
        _, words = await self._read(prepare, page.number, language)
        scale = POINTS_PER_INCH / dpi_of(page, self.limits)
        to_points = Affine(scale, 0, 0, 0, scale, 0)
        boxes = (box_through(word.box, to_points, width=page.width, height=page.height) for word in words)
        words = tuple(replace(word, box=box) for word, box in zip(words, boxes, strict=True))
        return Page(page.number, round(page.width), round(page.height), "pt", "ocr", words)

    async def _read(self, prepare: Prepare, number: int, language: str) -> tuple[Prepared, tuple[Word, ...]]:
        async with self.turn():
            try:
                prepared, words = await read_page(prepare, language, self.limits.page_seconds)
            except Unreadable as error:
                raise Unreadable(f"page {number}: {error}") from error
        if len(words) > self.limits.words:
            raise Unreadable(f"page {number} has {len(words)} words, at most {self.limits.words} are read (MAX_WORDS)")
        return prepared, words
