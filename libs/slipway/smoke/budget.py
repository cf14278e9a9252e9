"""Parse the size budget of an image."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.core.errors import UsageError
from slipway.core.units import parse_size


@dataclass(frozen=True)
class Budget:
    """Hold the number of bytes that an image may have, in total or in addition to its parent."""

    bytes: int
    over_parent: bool = False


def parse_budget(text: str) -> Budget:
    """Parse ``1.3 GB`` or ``200 MB over parent`` (decimal units, as Docker's). Raises UsageError."""
    size = text.strip().removesuffix(" over parent")
    try:
        return Budget(parse_size(size), over_parent=size != text.strip())
    except UsageError:
        raise UsageError(f"budget {text!r}: not a size", hint="'1.3 GB', or '200 MB over parent'") from None
