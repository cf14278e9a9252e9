"""Read numbers as measuring programs write them, with a decimal point or a decimal comma."""

from __future__ import annotations

import math
import re

#: A text in this form has groups of three digits: 1,234,567.8 with a decimal point.
_GROUPED = {
    ".": re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?"),
    ",": re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]*)?"),
}
_PLAIN = {
    ".": re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"),
    ",": re.compile(r"[+-]?(?:[0-9]+,?[0-9]*|,[0-9]+)(?:[eE][+-]?[0-9]+)?"),
}
#: The minus sign of typography, and spaces that some programs put between groups of digits.
_SIGNS = str.maketrans({"−": "-", "\u00a0": None, "\u202f": None})


def number(text: str, decimal: str) -> float:
    """Return the finite number that the text is, else NaN. ``decimal`` is ``.`` or ``,``."""
    text = text.strip().translate(_SIGNS)
    if _GROUPED[decimal].fullmatch(text):
        text = text.replace("," if decimal == "." else ".", "")
    elif not _PLAIN[decimal].fullmatch(text):
        return math.nan
    found = float(text.replace(",", "."))
    return found if math.isfinite(found) else math.nan
