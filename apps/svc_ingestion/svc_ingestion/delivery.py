"""Define the outcomes of one try to deliver a document, and the next step after each."""

from __future__ import annotations

import re
from dataclasses import dataclass

from svc_ingestion.documents import Delivery

LONGEST_WAIT = 300.0
LONGEST_REASON = 500


@dataclass(frozen=True)
class Arrived:
    """Report that the receiver accepted the document. ``result`` is the JSON of its answer, if any."""

    result: object = None


@dataclass(frozen=True)
class Refused:
    """Report a failure that every further try would repeat, such as a refusal by the receiver."""

    reason: str


@dataclass(frozen=True)
class Unreached:
    """Report a failure that may pass.

    The next try is at the earliest after ``wait`` seconds, when the receiver named a time.
    """

    reason: str
    wait: float = 0.0


Outcome = Arrived | Refused | Unreached


@dataclass(frozen=True)
class Patience:
    """Hold the number and the pace of tries: at most ``attempts``.

    The wait after the first failure is ``seconds``. Each further failure doubles the wait, up to LONGEST_WAIT.
    """

    attempts: int = 6
    seconds: float = 2.0

    def wait(self, attempts: int) -> float:
        """Return the seconds until the next try, after ``attempts`` failed ones."""
        return float(min(self.seconds * 2 ** min(attempts - 1, 30), LONGEST_WAIT))


def follow(delivery: Delivery, outcome: Outcome, now: float, patience: Patience) -> Delivery:
    """Return the delivery after one more try, which ended with ``outcome`` at ``now`` (seconds since 1970)."""
    attempts = delivery.attempts + 1
    if isinstance(outcome, Arrived):
        return Delivery("delivered", attempts, result=outcome.result)
    reason = outcome.reason[:LONGEST_REASON]
    if isinstance(outcome, Refused):
        return Delivery("failed", attempts, reason)
    if attempts >= patience.attempts:
        return Delivery("failed", attempts, f"gave up after {attempts} tries: {reason}")
    wait = max(patience.wait(attempts), min(outcome.wait, LONGEST_WAIT))
    return Delivery("pending", attempts, reason, due=now + wait)


def judge(status: int, body: str, retry_after: str | None) -> Outcome:
    """Return the outcome of an HTTP reply other than 2xx.

    The statuses 408, 425, 429 and 5xx may pass (Unreached). Other statuses do not (Refused). A ``retry_after`` in
    seconds sets the wait; other forms are ignored.
    """
    reason = f"answered {status}: {body}".rstrip(": ")
    if status in (408, 425, 429) or status >= 500:
        seconds = float(retry_after) if retry_after and re.fullmatch(r"\d{1,6}", retry_after) else 0.0
        return Unreached(reason, wait=seconds)
    return Refused(reason)
