"""Convert between bytes and sizes such as ``1.3 GB``, in decimal units as Docker's."""

from __future__ import annotations

import re

from slipway.core.errors import UsageError

_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(B|kB|MB|GB)")


def parse_size(text: str) -> int:
    """Convert ``1.3 GB`` or ``200 MB`` to bytes. Raises UsageError."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise UsageError(f"{text!r}: not a size", hint="'1.3 GB', or '200 MB'")
    return round(float(match[1]) * _UNITS[match[2]])


def size(count: int) -> str:
    """Format bytes in decimal units with three digits: ``1.23 GB``, ``45.6 MB``, ``789 B``."""
    amount = float(count)
    for unit in _UNITS:
        if amount < 999.5 or unit == "GB":
            break
        amount /= 1000
    digits = 0 if unit == "B" or amount >= 99.95 else 1 if amount >= 9.995 else 2
    return f"{amount:.{digits}f} {unit}"
