"""Choose the document to deliver next, and hold all back while the receiver takes no connections.

The module does no I/O.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from svc_ingestion.delivery import Away, Outcome
from svc_ingestion.documents import Document

LONGEST_SLEEP = 60.0
_FIRST_REST = 1.0
_LONGEST_REST = 60.0


@dataclass(frozen=True)
class Breaker:
    """Hold deliveries back until ``until`` (seconds since 1970), after ``failures`` connections in a row failed.

    Then one document is tried. Its outcome closes the breaker, or holds back all for up to twice as long.
    """

    failures: int = 0
    until: float = 0.0

    def after(self, outcome: Outcome, now: float, chance: float) -> Breaker:
        """Return the breaker after a try. Tries that failed side by side count once. ``chance`` (0–1) is random."""
        if not isinstance(outcome, Away):
            return Breaker()
        if self.until > now:
            return self
        rest = min(_FIRST_REST * 2 ** min(self.failures, 30), _LONGEST_REST)
        return Breaker(self.failures + 1, now + rest * (1 + chance) / 2)


def choose(
    waiting: Sequence[Document], underway: Collection[Document], breaker: Breaker, now: float
) -> tuple[Document | None, float]:
    """Return the document to deliver now, or None and the seconds to wait, at most 60.

    ``waiting`` are pending documents, the earliest due first. A document that may have ended its receiver is delivered
    alone, so that its neighbours do not become suspects.
    """
    if breaker.until > now:
        return None, min(breaker.until - now, LONGEST_SLEEP)
    trying = bool(breaker.failures) or any(document.delivery.crashes for document in underway)
    if underway and trying:
        return None, LONGEST_SLEEP
    known = {document.id for document in underway}
    for document in waiting:
        if document.id in known:
            continue
        if document.delivery.due > now:
            return None, min(document.delivery.due - now, LONGEST_SLEEP)
        if underway and document.delivery.crashes:
            break
        return document, 0.0
    return None, LONGEST_SLEEP
