"""Find calendar dates: ``2026-03-03``, ``03.03.2026``, ``3 March 2026``, ``March 3, 2026``, ``04/03/2026``.

Dotted dates put the day first. Dates with slashes put the day first in most of the world, but not in the United
States. When both readings exist, the value is the one with the day first, and the other one is an alternative.
A year of two digits, which only dates with slashes have, is between 1970 and 2069.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from svc_extract.findings import Finding

_MONTHS = (
    ("january", "jan", "januar", "jänner"),
    ("february", "feb", "februar"),
    ("march", "mar", "märz", "mär"),
    ("april", "apr"),
    ("may", "mai"),
    ("june", "jun", "juni"),
    ("july", "jul", "juli"),
    ("august", "aug"),
    ("september", "sept", "sep"),
    ("october", "oct", "oktober", "okt"),
    ("november", "nov"),
    ("december", "dec", "dezember", "dez"),
)
MONTHS = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names}

_NAME = "(?P<name>" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")\.?"
_DAY = r"(?P<day>\d{1,2})"
_YEAR = r"(?P<year>(?:1[5-9]|2\d)\d{2})"
_START, _END = r"(?<![\w./-])", r"(?![\w/-]|\.\d)"

_ISO = re.compile(rf"{_START}{_YEAR}-(?P<month>\d{{2}})-(?P<day>\d{{2}})(?:(?=T\d{{2}}:)|{_END})")
_DOTTED = re.compile(rf"{_START}{_DAY}\.[ ]?(?P<month>\d{{1,2}})\.[ ]?{_YEAR}{_END}")
_DAY_FIRST = re.compile(rf"(?i){_START}{_DAY}(?:st|nd|rd|th|\.)?(?: of)?[ -]{_NAME}[, -] ?{_YEAR}{_END}")
_MONTH_FIRST = re.compile(rf"(?i){_START}{_NAME} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}{_END}")
_YEAR_FIRST = re.compile(rf"{_START}{_YEAR}/(?P<month>\d{{1,2}})/(?P<day>\d{{1,2}}){_END}")
_SLASHED = re.compile(
    rf"{_START}(?P<first>\d{{1,2}})/(?P<second>\d{{1,2}})/(?P<year>(?:1[5-9]|2\d)\d{{2}}|\d{{2}}){_END}"
)
_FIRST_YEAR = 1970


def find_dates(text: str) -> Iterator[Finding]:
    """Yield every date that exists in the calendar. The value is an ISO 8601 date (``2026-03-03``)."""
    for pattern in (_ISO, _DOTTED, _YEAR_FIRST):
        for match in pattern.finditer(text):
            yield from _finding(match, [_day(match["year"], match["month"], match["day"])])
    for pattern in (_DAY_FIRST, _MONTH_FIRST):
        for match in pattern.finditer(text):
            month = MONTHS[match["name"].lower()]
            yield from _finding(match, [_day(match["year"], month, match["day"])])
    for match in _SLASHED.finditer(text):
        year, first, second = _full_year(match["year"]), match["first"], match["second"]
        yield from _finding(match, [_day(year, second, first), _day(year, first, second)])


def _full_year(year: str) -> int:
    return int(year) if len(year) > 2 else _FIRST_YEAR + (int(year) - _FIRST_YEAR) % 100


def _day(year: str | int, month: str | int, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _finding(match: re.Match[str], readings: list[date | None]) -> Iterator[Finding]:
    distinct = list(dict.fromkeys(reading.isoformat() for reading in readings if reading))
    if distinct:
        yield Finding(
            kind="date",
            value=distinct[0],
            text=match[0],
            start=match.start(),
            end=match.end(),
            alternatives=tuple(distinct[1:]),
        )
