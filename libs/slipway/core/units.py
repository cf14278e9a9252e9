"""Convert between bytes and sizes such as ``1.3 GB``, in decimal units as Docker's; and read ages such as ``30d``."""

from __future__ import annotations

import re

from slipway.core.errors import UsageError, one_line

_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGE = re.compile(r"([0-9]{1,9})([smhd])")
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


def parse_age(text: str, flag: str) -> int:
    """Convert ``30d``, ``12h``, ``30m`` or ``90s``, the value of ``flag``, to seconds. Raises UsageError."""
    match = _AGE.fullmatch(text.strip())
    if not match:
        raise UsageError(f"{flag} {one_line(text)}: not an age", hint=f"{flag} 30d, {flag} 12h")
    return int(match[1]) * _SECONDS[match[2]]
