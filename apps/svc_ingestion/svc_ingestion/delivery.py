"""Define the outcomes of one try to deliver a document, and the next step after each."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from svc_ingestion.documents import Delivery, State

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


@dataclass(frozen=True)
class Away:
    """Report that the receiver takes no connections. The document is not the cause, and the try does not count."""

    reason: str


@dataclass(frozen=True)
class Crashed:
    """Report that the receiver closed the connection without an answer. The document may have ended it."""

    reason: str


Outcome = Arrived | Refused | Unreached | Away | Crashed


@dataclass(frozen=True)
class Patience:
    """Hold the number and the pace of tries: at most ``attempts``, of which at most ``crashes`` end the receiver.

    The longest wait after the first failure is ``seconds``. Each further failure doubles it, up to ``longest``. With
    the defaults, the tries spread over about five hours, and at most nine.
    """

    attempts: int = 20
    seconds: float = 2.0
    longest: float = 3600.0
    crashes: int = 3

    def wait(self, attempts: int, chance: float) -> float:
        """Return the seconds until the next try, after ``attempts`` failed ones.

        ``chance`` (0–1) is random, so that documents that failed together are not tried again together ("full jitter").
        """
        return chance * min(self.seconds * 2.0 ** min(attempts - 1, 30), self.longest)


def follow(delivery: Delivery, outcome: Outcome, now: float, patience: Patience, chance: float = 1.0) -> Delivery:
    """Return the delivery after one more try, which ended with ``outcome`` at ``now`` (seconds since 1970)."""
    if isinstance(outcome, Away):
        return replace(delivery, reason=outcome.reason[:LONGEST_REASON])
    attempts = delivery.attempts + 1
    if isinstance(outcome, Arrived):
        return Delivery(State.DELIVERED, attempts, result=outcome.result)
    reason = outcome.reason[:LONGEST_REASON]
    crashes = delivery.crashes + isinstance(outcome, Crashed)
    failed = Delivery(State.FAILED, attempts, reason, crashes=crashes)
    if isinstance(outcome, Refused):
        return failed
    if crashes >= patience.crashes:
        return replace(failed, state=State.QUARANTINED, reason=f"its receiver ended {crashes} times: {reason}")
    if attempts >= patience.attempts:
        return replace(failed, reason=f"gave up after {attempts} tries: {reason}")
    asked = outcome.wait if isinstance(outcome, Unreached) else 0.0
    wait = max(patience.wait(attempts, chance), min(asked, patience.longest))
    return replace(failed, state=State.PENDING, due=now + wait)


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
