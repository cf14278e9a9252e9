"""Split text into words for BM25, with the standard library only."""

from __future__ import annotations

import re

_STOP = (
    "a about above after again against all also am an and any are as at be because been before being below between "
    "both but by can could did do does down during each few for from further get had has have he her here him his "
    "how i if in into is it its just long many may me might more most much must my no nor not now of off on once "
    "only or other our out over own same she should so some such than that the their them then there these they "
    "this those through to too under until up us very was we were what when where which while who whom whose why "
    "will with would you your"
)
#: Words that do not tell the subject of a passage, those of questions ("how long") included.
STOP_WORDS = frozenset(_STOP.split())
_COMPOUND = re.compile(r"\w+(?:[-./:#@+]\w+)*")
_PART = re.compile(r"[^\W_]+")
#: A letter before a digit, a digit beside a joint, or a joint that names in programs have.
_IDENTIFIER = re.compile(r"[^\W\d_]\d|\d[-./:#@+]|[-./:#@+]\d|_")


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


def identifiers_of(text: str) -> list[str]:
    """Return the words that name one thing: ``e-4711``, ``k2``, ``max_page_size``; not ``4711``, ``30kg``, ``19th``.

    A passage with such a word is about it, however it is worded.
    """
    return [word for word in _COMPOUND.findall(text.casefold()) if _IDENTIFIER.search(word)]
