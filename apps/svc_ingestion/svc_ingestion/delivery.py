"""What one try to hand a document on came to, and what follows from it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from svc_ingestion.documents import Delivery

LONGEST_WAIT = 300.0
LONGEST_REASON = 500


@dataclass(frozen=True)
class Arrived:
    """The receiver took it; ``result`` is the JSON it answered, if any."""

    result: object = None


@dataclass(frozen=True)
class Refused:
    """The receiver will never take it: another try would be told the same."""

    reason: str


@dataclass(frozen=True)
class Unreached:
    """It may go better later: at the earliest after ``wait`` seconds, when the receiver said so."""

    reason: str
    wait: float = 0.0


Outcome = Arrived | Refused | Unreached


@dataclass(frozen=True)
class Patience:
    """At most ``attempts`` tries; ``seconds`` after the first failure, twice as long after each further one."""

    attempts: int = 6
    seconds: float = 2.0

    def wait(self, attempts: int) -> float:
        """Seconds until the next try, after ``attempts`` failed ones."""
        return float(min(self.seconds * 2 ** min(attempts - 1, 30), LONGEST_WAIT))


def follow(delivery: Delivery, outcome: Outcome, now: float, patience: Patience) -> Delivery:
    """How the delivery stands after one more try that came to ``outcome`` at ``now`` (seconds since 1970)."""
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
    """What an HTTP reply other than 2xx means: 408, 425, 429 and 5xx pass, the rest does not."""
    reason = f"answered {status}: {body}".rstrip(": ")
    if status in (408, 425, 429) or status >= 500:
        seconds = float(retry_after) if retry_after and re.fullmatch(r"\d{1,6}", retry_after) else 0.0
        return Unreached(reason, wait=seconds)
    return Refused(reason)
