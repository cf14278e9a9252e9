"""Find all amounts, dates and identifiers in a text."""

from __future__ import annotations

from itertools import chain

from svc_extract.amounts import find_amounts
from svc_extract.dates import find_dates
from svc_extract.findings import Finding, without_overlaps
from svc_extract.identifiers import find_identifiers


def extract(text: str) -> list[Finding]:
    """Return the amounts, dates and identifiers of ``text``, sorted by position and without overlaps.

    For each finding, ``text[start:end]`` is its ``text``.
    """
    return without_overlaps(chain(find_identifiers(text), find_amounts(text), find_dates(text)))
