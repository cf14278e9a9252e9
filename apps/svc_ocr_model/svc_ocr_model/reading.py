"""Read image files with tesseract, a few at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio

from ocrkit.kinds import Kind, kind_of
from ocrkit.pictures import count_pages, prepared_page
from ocrkit.reading import read_page
from ocrkit.unreadable import Unreadable
from ocrkit.words import Word, confidence_of, text_of
from servicekit.parsers import LimitExceeded
from svc_ocr_model.model import Reading

#: Runs a function in a child process: ``Parsers.run``.
Run = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Reader:
    """Read the images of a request.

    A request has at most ``pages`` pages, and a page ``pixels`` pixels. ``page_seconds`` limits each run of tesseract,
    and ``turns`` the requests that are read at the same time. A request that is cancelled ends its tesseract.
    """

    run: Run
    language: str
    pages: int
    pixels: int
    page_seconds: float
    turns: anyio.CapacityLimiter

    async def __call__(self, files: Sequence[bytes]) -> list[Reading]:
        """Return the reading of each file. Raises Unreadable, with the place of the file."""
        readings, left = [], self.pages
        async with self.turns:
            for place, file in enumerate(files):
                try:
                    pages = await self._pages(file, left)
                except (Unreadable, LimitExceeded) as error:
                    raise Unreadable(f"image {place}: {error}") from error
                left -= len(pages)
                words = [word for page in pages for word in page]
                readings.append(Reading("\f".join(map(text_of, pages)), confidence_of(words)))
        return readings

    async def _pages(self, file: bytes, most: int) -> list[tuple[Word, ...]]:
        """Return the words of each page of a file that has at most ``most`` pages."""
        if kind_of(file) in (None, Kind.PDF):
            raise Unreadable("it is not a PNG, JPEG or TIFF")
        count = await self.run(count_pages, file)
        if count > most:
            raise Unreadable(f"{count} pages, at most {most} are read")
        return [await self._words(file, number) for number in range(1, count + 1)]

    async def _words(self, file: bytes, number: int) -> tuple[Word, ...]:
        prepare = partial(self.run, prepared_page, file, number, self.pixels)
        _, words = await read_page(prepare, self.language, self.page_seconds)
        return words
