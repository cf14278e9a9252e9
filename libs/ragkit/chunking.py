"""Cut text into passages at the ends of sentences.

Each passage begins with the last sentences of the passage before it, when they fit the overlap.
"""

from __future__ import annotations

from ragkit.passages import Document, Passage
from servicekit.sentences import Span, pieces, sentences

#: In characters. all-MiniLM-L6-v2 reads 256 word pieces: about 1,000 characters of English, with title and heading.
SIZE = 800
OVERLAP = 160


def cut(document: Document, *, size: int = SIZE, overlap: int = OVERLAP) -> list[Passage]:
    """Return the passages of ``document``: at most ``size`` characters each, and none across two sections."""
    return [
        Passage(
            document.id,
            document.title,
            document.source,
            section.place,
            span.start,
            span.end,
            section.text[span.start : span.end],
        )
        for section in document.sections
        for span in passages_of(section.text, size=size, overlap=overlap)
    ]


def passages_of(text: str, *, size: int = SIZE, overlap: int = OVERLAP) -> list[Span]:
    """Return spans of whole sentences, at most ``size`` characters long.

    Neighbours share at most ``overlap`` characters. Every character that is not white space lies in a span. A sentence
    of more than ``size`` characters is cut first. Raises ValueError unless 0 ≤ overlap < size.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"an overlap of {overlap} characters does not fit passages of {size}")
    units = [piece for sentence in sentences(text) for piece in pieces(text, sentence, size)]
    spans: list[Span] = []
    first = 0
    while first < len(units):
        after = first + 1
        while after < len(units) and units[after].end - units[first].start <= size:
            after += 1
        spans.append(Span(units[first].start, units[after - 1].end))
        if after == len(units):
            break
        first = _where_the_next_begins(units, first, after, size, overlap)
    return spans


def _where_the_next_begins(units: list[Span], first: int, after: int, size: int, overlap: int) -> int:
    """Return the index of the unit that begins the next passage.

    The next passage repeats the last units that fit the overlap, as long as the first new unit still fits after them.
    """
    begin = after
    while (
        begin - 1 > first
        and units[after - 1].end - units[begin - 1].start <= overlap
        and units[after].end - units[begin - 1].start <= size
    ):
        begin -= 1
    return begin
