"""Find amounts of money: ``1.234,56 €``, ``$1,234.56``, ``EUR 99``, ``CHF 1'234.50``, ``1,5 Mio. €``, ``€5–10``.

``$`` and dollars are those of the United States, and ``¥`` means yen. In the tables of annual reports, ``$`` may be on
the line before its number, and ``$ (4,841)`` is negative.

A number such as ``$1.070`` is ambiguous: where people pay with ``$``, the point is the decimal separator, but prices
have two decimals. Its value is 1.070, and 1070 is the alternative.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from svc_extract.findings import Finding
from svc_extract.numbers import BLANK, NUMBER, read_number, readings

SYMBOLS = {"€": "EUR", "US$": "USD", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR"}
WORDS = {"euro": "EUR", "euros": "EUR", "dollar": "USD", "dollars": "USD", "us dollars": "USD", "yen": "JPY"}
CODES = "AUD|BGN|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|INR|JPY|KRW|MXN|NOK|NZD|PLN|RON|SEK|SGD|TRY|USD|ZAR"
#: The currencies of countries in which only the point is a decimal separator.
WITH_POINT = frozenset(("AUD", "CAD", "CHF", "CNY", "GBP", "HKD", "INR", "MXN", "NZD", "SGD", "USD"))
#: A word that scales a number → the factor, and the decimal separator in the language of the word.
SCALES = {
    "thousand": (10**3, "."),
    "million": (10**6, "."),
    "billion": (10**9, "."),
    "tsd.": (10**3, ","),
    "mio.": (10**6, ","),
    "mrd.": (10**9, ","),
}

_SCALE = rf"(?:{BLANK}(?P<scale>(?i:{'|'.join(map(re.escape, SCALES))})))?"
_SYMBOL = "|".join(re.escape(symbol) for symbol in sorted(SYMBOLS, key=len, reverse=True))
_WORD = "|".join(sorted(WORDS, key=len, reverse=True))
#: The cents of a round sum: ``12,-`` and ``12.--``.
_NO_CENTS = "(?:[.,](?:--?|[–—]))?"
#: Between a symbol and its number, which may be on the next line of a table.
_LEADING_GAP = rf"{BLANK}{{0,2}}(?P<wrapped>\r?\n{BLANK}{{0,4}})?"
_BEFORE = re.compile(
    rf"(?<![\w.,$])(?P<sign>[-−])?(?:(?P<symbol>{_SYMBOL})|(?P<code>{CODES}))(?:{BLANK}?(?P<late_sign>[-−]))?"
    rf"{_LEADING_GAP}(?P<loss>\()?(?P<first>{NUMBER}){_NO_CENTS}(?(loss){BLANK}?\))"
    rf"(?:{BLANK}?[-–]{BLANK}?(?P<second>{NUMBER}){_NO_CENTS}(?![-–]\d))?{_SCALE}(?![\w€£%]|[.,'’]\d)"
)
_AFTER = re.compile(
    rf"(?<![\w.,$€£'’])(?P<sign>[-−])?(?:(?P<first>{NUMBER}){_NO_CENTS}{BLANK}?–{BLANK}?)?"
    rf"(?P<second>{NUMBER}){_NO_CENTS}{_SCALE}"
    rf"{BLANK}?(?:(?P<symbol>{_SYMBOL})|(?P<code>(?:{CODES})|(?i:{_WORD}))(?!\w))(?!\d)"
)
_SEPARATED = re.compile(r"\d[.,'’]\d")
_YEAR = re.compile(r"(?:19|20)\d\d")


class _Part(NamedTuple):
    """Hold the number of an amount, and the place of the amount in the text."""

    number: str
    start: int
    end: int


def find_amounts(text: str) -> Iterator[Finding]:
    """Yield every amount with its currency (ISO 4217). A range, ``€5–10``, is two amounts.

    The value is a decimal number as text, in the currency's main unit: euros, not cents.
    """
    for match in _BEFORE.finditer(text):
        if _belongs_together(match):
            yield from _amounts(match)
    for match in _AFTER.finditer(text):
        yield from _amounts(match)


def _belongs_together(match: re.Match[str]) -> bool:
    """Tell whether a number in parentheses, or on the next line, is the amount of the symbol before it.

    It may also be a footnote, ``in $ (1)``, a year, or the beginning of another sentence.
    """
    number = match["first"]
    if not (match["loss"] or match["wrapped"]) or _SEPARATED.search(number):
        return True
    if _YEAR.fullmatch(number) or not match["symbol"]:
        return False
    if match["loss"]:
        return len(number) > 1
    before = match.string[max(0, match.start() - 8) : match.start()].rstrip(" \t")
    return not before or before.endswith("\n")


def _amounts(match: re.Match[str]) -> Iterator[Finding]:
    currency = SYMBOLS[match["symbol"]] if match["symbol"] else WORDS.get(match["code"].lower(), match["code"])
    factor, point = SCALES[match["scale"].lower()] if match["scale"] else (1, "." if currency in WITH_POINT else "")
    sign = -1 if any(match.groupdict().get(name) for name in ("sign", "late_sign", "loss")) else 1
    for part in _parts(match):
        values = [f"{value * factor * sign:f}" for value in readings(part.number, point)]
        sign = 1
        if values:
            yield Finding(
                kind="amount",
                value=values[0],
                text=match.string[part.start : part.end],
                start=part.start,
                end=part.end,
                currency=currency,
                alternatives=tuple(values[1:]),
            )


def _parts(match: re.Match[str]) -> list[_Part]:
    """Return the number of an amount, or the two numbers of a range: the lower one first.

    Of two numbers that are not a range, only the one next to the currency belongs to it.
    """
    if not (match["first"] and match["second"]):
        return [_Part(match["first"] or match["second"], match.start(), match.end())]
    first = _Part(match["first"], match.start(), match.end("first"))
    second = _Part(match["second"], match.start("second"), match.end())
    lower, upper = read_number(first.number), read_number(second.number)
    if lower is not None and upper is not None and lower < upper:
        return [first, second]
    return [first if match.re is _BEFORE else second]
