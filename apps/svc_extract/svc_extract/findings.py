"""What was found: a kind, a normalised value, and the span of text it was read from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

#: Where two kinds claim the same characters, the earlier one is right: it is the more exact reading.
KINDS = ("email", "iban", "invoice_number", "vat_id", "amount", "date")


@dataclass(frozen=True)
class Finding:
    """``text`` stands at ``start``:``end`` of the document, counted in Unicode code points.

    ``value`` is normalised: a decimal number, an ISO date, an identifier without blanks. ``valid`` is false
    where a checksum says the text was mistyped; ``alternatives`` are other readings of an ambiguous text.
    """

    kind: str
    value: str
    text: str
    start: int
    end: int
    currency: str | None = None
    valid: bool = True
    alternatives: tuple[str, ...] = ()

    @property
    def ambiguous(self) -> bool:
        return bool(self.alternatives)

    def as_json(self) -> dict[str, object]:
        entry = asdict(self) | {"ambiguous": self.ambiguous}
        if self.currency is None:
            del entry["currency"]
        return entry


def without_overlaps(findings: Iterable[Finding]) -> list[Finding]:
    """The findings sorted by position; of two that overlap, the more exact kind stays, then the longer."""
    kept: list[Finding] = []
    taken: set[int] = set()
    for finding in sorted(findings, key=lambda f: (KINDS.index(f.kind), f.start - f.end, f.start)):
        span = range(finding.start, finding.end)
        if taken.isdisjoint(span):
            taken.update(span)
            kept.append(finding)
    return sorted(kept, key=lambda finding: finding.start)
