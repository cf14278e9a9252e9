"""Read the words of a page, also of one that was scanned sideways or upside down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from ocrkit.prepare import Prepared
from ocrkit.tesseract import read_words, turns_of
from ocrkit.words import Word, box_through, confidence_of

#: Returns the page, turned counter-clockwise by so many quarters and prepared for tesseract.
Prepare = Callable[[int], Awaitable[Prepared]]

#: Pages that are sideways or upside down are read with a confidence of 20 to 40, and upright ones with more than 60.
DOUBTFUL = 60.0


async def read_page(prepare: Prepare, language: str, seconds: float) -> tuple[Prepared, tuple[Word, ...]]:
    """Return the page, prepared, and its words, with boxes in the page's own pixels.

    A reading that is doubtful costs more: tesseract looks for the orientation of the page, and reads it once more if it
    is not upright. The more confident reading counts. ``seconds`` limits each run of tesseract. Raises Unreadable.
    """
    prepared = await prepare(0)
    words = await _words(prepared, language, seconds)
    if confidence_of(words) >= DOUBTFUL:
        return prepared, words
    turns = await turns_of(prepared.pgm, seconds)
    if not turns:
        return prepared, words
    turned = await prepare(turns)
    others = await _words(turned, language, seconds)
    return (turned, others) if confidence_of(others) > confidence_of(words) else (prepared, words)


async def _words(prepared: Prepared, language: str, seconds: float) -> tuple[Word, ...]:
    size = {"width": prepared.width, "height": prepared.height}
    return tuple(
        replace(word, box=box_through(word.box, prepared.to_page, **size))
        for word in await read_words(prepared.pgm, language, seconds)
    )
