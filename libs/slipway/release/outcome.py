"""Name the outcomes of an image's rehearsal."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """Name the outcome of an image's rehearsal. ``base-rehearse --json`` prints the values."""

    REHEARSED = "rehearsed"
    BROKEN = "broken"
    SKIPPED = "not tried"
