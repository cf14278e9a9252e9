"""Where sentences begin and end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from svc_kg.words import ABBREVIATIONS, BEGINNINGS, ENDINGS

#: Characters; what goes on without a full stop (a table, a list) is cut at a blank.
LONGEST = 2000

_BREAK = re.compile(r"(?P<stop>(?<![.!?])[.!?]+[\"”’)]*)\s+(?=[\"“‘(]?(?P<next>[^\W_]+))|\n\s*\n")


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each sentence, blanks around it left out; an empty line ends one, too."""
    start = 0
    for match in _BREAK.finditer(text):
        if match["stop"] and not _ends(text, match):
            continue
        yield from _trimmed(text, start, match.end("stop") if match["stop"] else match.start())
        start = match.end()
    yield from _trimmed(text, start, len(text))


def _ends(text: str, match: re.Match[str]) -> bool:
    following = match["next"]
    if match["stop"] != "." or "\n\n" in match[0]:
        return True
    if not (following[0].isupper() or following[0].isdigit()):
        return False
    before = re.search(r"[\w.]*$", text[max(0, match.start() - 20) : match.start()])
    word = before[0] if before else ""
    if word in ENDINGS:
        return following in BEGINNINGS
    return word not in ABBREVIATIONS and not (len(word) == 1 and word.isupper())


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        cut = end if end - start <= LONGEST else _blank_before(text, start, start + LONGEST)
        piece = text[start:cut]
        if piece.strip():
            yield start + len(piece) - len(piece.lstrip()), cut - len(piece) + len(piece.rstrip())
        start = cut


def _blank_before(text: str, start: int, end: int) -> int:
    return max(text.rfind(" ", start, end), text.rfind("\n", start, end)) + 1 or end
