"""Split text into words for BM25, with the standard library only."""

from __future__ import annotations

import re

_STOP = (
    "a about all also am an and any are as at be been but by can could did do does for from had has have he her his "
    "how i if in into is it its may me might more most must my no nor not of on or our she should so some such than "
    "that the their them then there these they this those to too us was we were what when where which who whom whose "
    "why will with would you your"
)
#: Words that do not tell the subject of a passage: a search for them would find every passage.
STOP_WORDS = frozenset(_STOP.split())
_COMPOUND = re.compile(r"\w+(?:[-./:#@+]\w+)*")
_PART = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """Return lower-case words without stop words. ``ERR-4711/b`` yields its parts and itself.

    Thus a passage with an exact identifier scores higher than passages with a part of it.
    """
    found: list[str] = []
    for compound in _COMPOUND.findall(text.casefold()):
        parts = _PART.findall(compound)
        found += [part for part in parts if part not in STOP_WORDS]
        if parts != [compound]:
            found.append(compound)
    return found
