"""Read the output of scanners and of sources of advisories, whatever it contains."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from slipway.audit.scan.findings import ScanCause, ScanError
from slipway.core.errors import one_line

Read = TypeVar("Read")
_SHOWN = 60


def read_json(about: str, text: str | bytes, read: Callable[[Any], Read]) -> Read:
    """Return ``read`` of a JSON text. Raises ScanError when the text is not as ``read`` expects."""
    try:
        return read(json.loads(text))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise garbled(about, text) from None


def garbled(about: str, text: str | bytes) -> ScanError:
    """Return the error of output that slipway cannot read, with its first characters."""
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    begin = one_line(said[:_SHOWN]) or "it is empty"
    return ScanError(f"{about} cannot be read: {begin}", code=ScanCause.GARBLED)
