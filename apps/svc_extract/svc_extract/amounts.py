"""Find amounts of money: ``1.234,56 €``, ``$1,234.56``, ``EUR 99``, ``CHF 1'234.50``, ``1,5 Mio. €``.

The shape of a number decides its value. The last separator is the decimal one when it differs from the separator
before it, or when the number of digits after it is not three. A single separator before exactly three digits groups
thousands, because money has two decimals. It is nevertheless the decimal one after a leading 0 or after more than
three digits. ``$`` means US dollars and ``¥`` means yen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from svc_extract.findings import Finding

SYMBOLS = {"€": "EUR", "US$": "USD", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR"}
WORDS = {"euro": "EUR", "euros": "EUR"}
CODES = "AUD|BGN|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|INR|JPY|KRW|MXN|NOK|NZD|PLN|RON|SEK|SGD|TRY|USD|ZAR"
SCALES = {
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "tsd.": 10**3,
    "mio.": 10**6,
    "mrd.": 10**9,
}

_BLANK = "[ \u00a0\u202f\u2009]"
_NUMBER = rf"\d{{1,3}}(?:{_BLANK}\d{{3}})+(?:[.,]\d{{1,2}})?(?!\d)|\d+(?:[.,'’]\d+)*"
_SCALE = "|".join(re.escape(scale) for scale in sorted(SCALES, key=len, reverse=True))
_SYMBOL = "|".join(re.escape(symbol) for symbol in sorted(SYMBOLS, key=len, reverse=True))
_BEFORE = re.compile(
    rf"(?<![\w.,$])(?P<sign>[-−])?(?:(?P<symbol>{_SYMBOL})|(?P<code>{CODES}))(?:{_BLANK}?(?P<late_sign>[-−]))?"
    rf"{_BLANK}?(?P<number>{_NUMBER})(?:{_BLANK}(?P<scale>(?i:{_SCALE})))?(?![\w€£%]|[.,'’]\d)"
)
_AFTER = re.compile(
    rf"(?<![\w.,$€£'’])(?P<sign>[-−])?(?P<number>{_NUMBER})(?:{_BLANK}(?P<scale>(?i:{_SCALE})))?"
    rf"{_BLANK}?(?:(?P<symbol>{_SYMBOL})|(?P<code>(?:{CODES})|(?i:euros?))(?!\w))(?!\d)"
)


def find_amounts(text: str) -> Iterator[Finding]:
    """Yield every amount with its currency (ISO 4217).

    The value is a decimal number as text, in the currency's main unit: euros, not cents.
    """
    for pattern in (_BEFORE, _AFTER):
        for match in pattern.finditer(text):
            value = read_number(match["number"])
            if value is None:
                continue
            if match["scale"]:
                value *= SCALES[match["scale"].lower()]
            if match["sign"] or match.groupdict().get("late_sign"):
                value = -value
            yield Finding(
                kind="amount",
                value=f"{value:f}",
                text=match[0],
                start=match.start(),
                end=match.end(),
                currency=_currency(match),
            )


def read_number(text: str) -> Decimal | None:
    """Return the number that ``text`` means, or None when its groups of digits are not valid (``1.23.4``)."""
    text = re.sub(_BLANK, " ", text).replace("’", "'")
    separators = [character for character in text if not character.isdigit()]
    if not separators:
        return Decimal(text)
    last = separators[-1]
    whole, _, tail = text.rpartition(last)
    if _is_decimal(last, separators, whole, tail):
        groups = re.split(r"[ .,']", whole)
        thousands, decimals = set(separators[:-1]), f".{tail}"
    else:
        groups = re.split(r"[ .,']", text)
        thousands, decimals = set(separators), ""
    if len(thousands) > 1 or not _are_thousands(groups):
        return None
    return Decimal("".join(groups) + decimals)


def _is_decimal(last: str, separators: list[str], whole: str, tail: str) -> bool:
    if last in " '" or separators.count(last) > 1:
        return False
    return len(separators) > 1 or len(tail) != 3 or len(whole) > 3 or whole.startswith("0")


def _are_thousands(groups: list[str]) -> bool:
    first, *rest = groups
    return not rest or (1 <= len(first) <= 3 and all(len(group) == 3 for group in rest))


def _currency(match: re.Match[str]) -> str:
    if match["symbol"]:
        return SYMBOLS[match["symbol"]]
    return WORDS.get(match["code"].lower(), match["code"])
