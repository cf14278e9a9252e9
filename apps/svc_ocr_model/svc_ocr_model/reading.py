"""Read image files with tesseract, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import anyio
import anyio.to_thread

from ocrkit.kinds import Kind, kind_of
from ocrkit.pictures import Limits, pictures_of
from ocrkit.prepare import Picture, prepare
from ocrkit.tesseract import read_words
from ocrkit.unreadable import Unreadable
from ocrkit.words import Word, confidence_of, text_of
from svc_ocr_model.model import Reading


@dataclass(frozen=True)
class Reader:
    """Read the images of a request.

    ``limits.pages`` is per request, ``page_seconds`` per page. ``turns`` limits the requests that are read at the same
    time. A request that is cancelled ends its tesseract.
    """

    language: str
    limits: Limits
    page_seconds: float
    turns: anyio.CapacityLimiter

    async def __call__(self, files: Sequence[bytes]) -> list[Reading]:
        """Return the reading of each file. Raises Unreadable, with the place of the file."""
        readings, left = [], self.limits.pages
        async with self.turns:
            for place, file in enumerate(files):
                try:
                    pages = await self._pages(file, left)
                except Unreadable as error:
                    raise Unreadable(f"image {place}: {error}") from error
                left -= len(pages)
                words = [word for page in pages for word in page]
                readings.append(Reading("\f".join(map(text_of, pages)), confidence_of(words)))
        return readings

    async def _pages(self, file: bytes, most: int) -> list[tuple[Word, ...]]:
        """Return the words of each page of a file that has at most ``most`` pages."""
        if kind_of(file) in (None, Kind.PDF):
            raise Unreadable("it is not a PNG, JPEG or TIFF")
        pages = []
        pictures = _prepared(file, Limits(most, self.limits.pixels))
        while (picture := await anyio.to_thread.run_sync(next, pictures, None)) is not None:
            pages.append(await read_words(picture, self.language, self.page_seconds))
        return pages


def _prepared(file: bytes, limits: Limits) -> Iterator[Picture]:
    """Yield each page of an image file, prepared for tesseract."""
    for picture in pictures_of(file, limits):
        yield prepare(picture).picture
