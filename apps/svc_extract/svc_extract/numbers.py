"""Read numbers as people write them in different countries: ``1.234,56``, ``1,234.56``, ``1'234.50``, ``1 234,56``.

The shape of a number decides its value. The last separator is the decimal one when it differs from the separator
before it, or when the number of digits after it is not three. A single separator before exactly three digits groups
thousands, because money has two decimals. It is nevertheless the decimal one after a leading 0 or after more than
three digits.
"""

from __future__ import annotations

import re
from decimal import Decimal

BLANK = "[ \u00a0\u202f\u2009]"
#: The pattern of a number. It is atomic and bounded, so that a search takes linear time.
NUMBER = (
    rf"(?>\d{{1,3}}(?:{BLANK}\d{{3}}){{1,6}}(?:[.,]\d{{1,2}})?(?!\d)"
    r"|\d{1,19}(?:[.,'’]\d{1,19}){0,8})"
)
#: No amount has more digits. A row of numbers may look like a number with more.
_MOST_DIGITS = 18
_THREE_DIGITS = re.compile(r"[1-9]\d{0,2}([.,])\d{3}")


def read_number(text: str) -> Decimal | None:
    """Return the number that ``text`` means, or None when its groups of digits are not valid (``1.23.4``)."""
    text = re.sub(BLANK, " ", text).replace("’", "'")
    separators = [character for character in text if not character.isdigit()]
    if len(text) - len(separators) > _MOST_DIGITS:
        return None
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


def readings(text: str, point: str) -> tuple[Decimal, ...]:
    """Return the values that ``text`` may have, the likeliest first.

    ``point`` is the decimal separator of those who write so, or "". A number such as ``1.070`` has two values when its
    separator is the ``point``: it groups thousands elsewhere, but they do not group with it.
    """
    value = read_number(text)
    if value is None:
        return ()
    three = _THREE_DIGITS.fullmatch(text)
    return (value.scaleb(-3), value) if three and three[1] == point else (value,)


def _is_decimal(last: str, separators: list[str], whole: str, tail: str) -> bool:
    if last in " '" or separators.count(last) > 1:
        return False
    return len(separators) > 1 or len(tail) != 3 or len(whole) > 3 or whole.startswith("0")


def _are_thousands(groups: list[str]) -> bool:
    first, *rest = groups
    return not rest or (1 <= len(first) <= 3 and all(len(group) == 3 for group in rest))
