"""Find all amounts, dates and identifiers in a text."""

from __future__ import annotations

from itertools import chain, islice

from svc_extract.amounts import find_amounts
from svc_extract.dates import find_dates
from svc_extract.findings import Finding, without_overlaps
from svc_extract.identifiers import find_identifiers


class TooMany(Exception):
    """Report that a text has more findings than an answer may list. Clients see the message."""


def extract(text: str, most: int) -> list[Finding]:
    """Return the amounts, dates and identifiers of ``text``, sorted by position and without overlaps.

    For each finding, ``text[start:end]`` is its ``text``. Raises TooMany for more than ``most`` findings.
    """
    every = chain(find_identifiers(text), find_amounts(text), find_dates(text))
    found = list(islice(every, most + 1))
    if len(found) > most:
        raise TooMany(f"the text has more than {most} findings (MAX_FINDINGS)")
    return without_overlaps(found)
