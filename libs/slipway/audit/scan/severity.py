"""Name the severities of advisories, in one order for every source."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Severity(StrEnum):
    """Name the severities of advisories, the least first. An unknown one counts as high."""

    LOW = "low"
    MEDIUM = "medium"
    UNKNOWN = "unknown"
    HIGH = "high"
    CRITICAL = "critical"

    @classmethod
    def of(cls, word: str) -> Self:
        """Return the severity for the word that a source of advisories uses, such as ``important``."""
        known = {"moderate": cls.MEDIUM, "important": cls.HIGH, "negligible": cls.LOW, "none": cls.LOW}
        return next((one for one in cls if one == word.lower()), known.get(word.lower(), cls.UNKNOWN))

    @property
    def rank(self) -> int:
        return list(Severity).index(self)

    def reaches(self, least: Severity) -> bool:
        counted = Severity.HIGH if self is Severity.UNKNOWN else self
        return counted.rank >= least.rank


#: The words that ``--fail-on`` takes.
LEVELS = tuple(one for one in Severity if one is not Severity.UNKNOWN)
