"""Words as BM25 sees them. The standard library only."""

from __future__ import annotations

import re

_STOP = (
    "a about all also am an and any are as at be been but by can could did do does for from had has have he her his "
    "how i if in into is it its may me might more most must my no nor not of on or our she should so some such than "
    "that the their them then there these they this those to too us was we were what when where which who whom whose "
    "why will with would you your"
)
#: Words that say nothing about what a passage is about: every passage would answer to them.
STOP_WORDS = frozenset(_STOP.split())
_COMPOUND = re.compile(r"\w+(?:[-./:#@+]\w+)*")
_PART = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """Lower-case words without stop words; ``ERR-4711/b`` gives itself and its parts.

    So an exact identifier weighs more than passages that share a part of it.
    """
    found: list[str] = []
    for compound in _COMPOUND.findall(text.casefold()):
        parts = _PART.findall(compound)
        found += [part for part in parts if part not in STOP_WORDS]
        if parts != [compound]:
            found.append(compound)
    return found
