"""Define a finding: a kind, a normalised value and a span of text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import computed_field

#: The most exact kind comes first. When findings overlap, the earlier kind wins.
KINDS = ("email", "iban", "invoice_number", "vat_id", "amount", "date")


@dataclass(frozen=True)
class Finding:
    """Hold a finding, whose ``text`` is at ``start`` up to ``end`` of the document, in Unicode code points.

    ``value`` is normalised: a decimal number, an ISO date, or an identifier without blanks. ``valid`` is false when a
    checksum shows that the text was mistyped. ``alternatives`` are other readings of an ambiguous text. Answers leave
    out a ``currency`` of None.
    """

    kind: str
    value: str
    text: str
    start: int
    end: int
    currency: str | None = None
    valid: bool = True
    alternatives: tuple[str, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ambiguous(self) -> bool:
        return bool(self.alternatives)


@dataclass(frozen=True)
class Findings:
    findings: list[Finding]


def without_overlaps(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings sorted by position, without those that overlap a better one.

    The better one is of the more exact kind. Of equal kinds, it is the longer one.
    """
    kept: list[Finding] = []
    taken: set[int] = set()
    for finding in sorted(findings, key=lambda f: (KINDS.index(f.kind), f.start - f.end, f.start)):
        span = range(finding.start, finding.end)
        if taken.isdisjoint(span):
            taken.update(span)
            kept.append(finding)
    return sorted(kept, key=lambda finding: finding.start)
