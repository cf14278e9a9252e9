"""Find the sentences of English and German text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

_BREAK = re.compile(
    r"""(?P<stop>(?<![.!?…])[.!?…]+["'”’)\]]*)\s+(?=["'“‘(\[]?(?P<next>[^\W_]+))|\n[ \t]*\n\s*""",
)
_LAST_WORD = re.compile(r"[\w.]*$")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: A full stop after these words does not end a sentence, in upper or lower case.
_ABBREVIATIONS = _words(
    "approx art cf ch co dept dr e.g ed eq est etc fig figs i.e jr mr mrs ms p pp prof ref resp sec sr st u.s vol vs"
)
#: A full stop after these words does not end a sentence: "No." is a number, but "no." is an answer.
_CAPITALISED = _words("No Nos Nr Nrn")
#: A full stop after these words ends a sentence only when the next word is one of _BEGINNINGS.
_ENDINGS = _words("inc ltd corp s.a b.v n.v")
_BEGINNINGS = _words("The A An He She It They We In On At This These After Before Its His Her Their")


class Span(NamedTuple):
    """Hold a range of characters: ``start`` up to, but not including, ``end``."""

    start: int
    end: int


def sentences(text: str) -> list[Span]:
    """Return the sentences of ``text``, without the white space around them. An empty line also ends a sentence."""
    ends = (match.end() for match in _BREAK.finditer(text) if not match["stop"] or _ends(text, match))
    return [span for start, end in pairwise([0, *ends, len(text)]) if (span := _stripped(text, start, end))]


def pieces(text: str, sentence: Span, size: int) -> Iterator[Span]:
    """Cut a sentence of more than ``size`` characters into pieces of at most ``size`` characters.

    The sentence may be a table. A cut is at the last line end that fits, else at the last blank, else after ``size``
    characters.
    """
    start = sentence.start
    while sentence.end - start > size:
        window = text[start : start + size + 1]
        at = max(window.rfind("\n"), 0) or max(window.rfind(" "), 0) or size
        if piece := _stripped(text, start, start + at):
            yield piece
        start += at
    if rest := _stripped(text, start, sentence.end):
        yield rest


def _ends(text: str, match: re.Match[str]) -> bool:
    """Tell whether a full stop ends a sentence, and not ``Dr.``, ``No.`` or an initial."""
    following = match["next"]
    if following[0].islower():
        return False
    if match["stop"] != ".":
        return True
    before = _LAST_WORD.search(text[max(0, match.start() - 20) : match.start()])
    word = before[0] if before else ""
    if word.lower() in _ENDINGS:
        return following in _BEGINNINGS
    is_initial = len(word) == 1 and word.isupper()
    return not is_initial and word not in _CAPITALISED and word.lower() not in _ABBREVIATIONS


def _stripped(text: str, start: int, end: int) -> Span | None:
    part = text[start:end]
    if not part.strip():
        return None
    return Span(start + len(part) - len(part.lstrip()), start + len(part.rstrip()))
