"""Text cut into passages at the ends of sentences, each beginning with the last sentences of the one before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from ragkit.passages import Document, Passage

#: all-MiniLM-L6-v2 reads 256 word pieces, about 1,000 characters of English, title and heading included.
SIZE = 800
OVERLAP = 160

_BREAK = re.compile(r"""(?P<stop>[.!?…]["'”’)\]]*\s+)(?=["'“‘(\[]?[^\Wa-z_])|\n[ \t]*\n\s*""")
_LAST_TOKEN = re.compile(r"(\S+?)[.]\s+$")
_ABBREVIATED = (
    "approx art cf ch co corp dept dr e.g ed eq est etc fig figs i.e inc jr ltd mr mrs ms no nos p pp prof ref resp "
    "sec sr st u.s vol vs"
)
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())


@dataclass(frozen=True)
class Span:
    """Characters ``start`` up to ``end``."""

    start: int
    end: int


def cut(document: Document, *, size: int = SIZE, overlap: int = OVERLAP) -> list[Passage]:
    """The passages of ``document``, none longer than ``size`` characters, none across two sections."""
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
    """Spans of whole sentences, at most ``size`` characters long; neighbours share at most ``overlap``.

    Every character that is no white space lies in a span. Raises ValueError unless 0 ≤ overlap < size.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"an overlap of {overlap} characters does not fit passages of {size}")
    units = [piece for sentence in sentences(text) for piece in _no_longer_than(sentence, text, size)]
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
    """Back over the sentences that fit the overlap, as long as the new sentence still fits behind them."""
    begin = after
    while (
        begin - 1 > first
        and units[after - 1].end - units[begin - 1].start <= overlap
        and units[after].end - units[begin - 1].start <= size
    ):
        begin -= 1
    return begin


def sentences(text: str) -> list[Span]:
    """The sentences of ``text`` without the white space around them; an empty line ends a sentence too."""
    bounds = [0, *(match.end() for match in _BREAK.finditer(text) if not _abbreviates(text, match)), len(text)]
    return [span for start, end in pairwise(bounds) if (span := _stripped(text, start, end))]


def _abbreviates(text: str, match: re.Match[str]) -> bool:
    """Whether the full stop belongs to ``Dr.``, ``No.`` or an initial rather than to a sentence."""
    if match["stop"] is None:
        return False
    before = _LAST_TOKEN.search(text[max(0, match.start() - 20) : match.end()])
    if before is None:
        return False
    token = before[1].lstrip("\"'“‘([")
    return token.lower() in _ABBREVIATIONS or (len(token) == 1 and token.isupper())


def _no_longer_than(sentence: Span, text: str, size: int) -> Iterator[Span]:
    """A sentence (or a table) too long for a passage: cut after a line, else after a word, else anywhere."""
    start = sentence.start
    while sentence.end - start > size:
        window = text[start : start + size + 1]
        at = max(window.rfind("\n"), 0) or max(window.rfind(" "), 0) or size
        if piece := _stripped(text, start, start + at):
            yield piece
        start += at
    if rest := _stripped(text, start, sentence.end):
        yield rest


def _stripped(text: str, start: int, end: int) -> Span | None:
    part = text[start:end]
    if not part.strip():
        return None
    return Span(start + len(part) - len(part.lstrip()), start + len(part.rstrip()))
