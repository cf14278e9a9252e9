"""Test the next step after each try to deliver a document."""

from __future__ import annotations

import pytest
from svc_ingestion.delivery import Arrived, Outcome, Patience, Refused, Unreached, follow, judge
from svc_ingestion.documents import Delivery

NOW = 1000.0
PATIENCE = Patience(attempts=3, seconds=2.0)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Arrived({"pages": 2}), Delivery("delivered", 1, result={"pages": 2})),
        (Refused("answered 415: no"), Delivery("failed", 1, "answered 415: no")),
        (Unreached("refused"), Delivery("pending", 1, "refused", due=1002.0)),
        (Unreached("busy", wait=30), Delivery("pending", 1, "busy", due=1030.0)),
        (Unreached("busy", wait=10**6), Delivery("pending", 1, "busy", due=1300.0)),
    ],
)
def test_a_first_try(outcome: Outcome, expected: Delivery) -> None:
    assert follow(Delivery(), outcome, NOW, PATIENCE) == expected


def test_waits_double_and_patience_ends() -> None:
    second = follow(Delivery("pending", 1), Unreached("down"), NOW, PATIENCE)
    assert second == Delivery("pending", 2, "down", due=1004.0)
    assert follow(second, Unreached("down"), NOW, PATIENCE) == Delivery("failed", 3, "gave up after 3 tries: down")


def test_a_delivery_that_arrives_late_forgets_its_reason() -> None:
    assert follow(Delivery("pending", 2, "down"), Arrived(), NOW, PATIENCE) == Delivery("delivered", 3)


def test_waits_are_bounded_and_reasons_short() -> None:
    assert Patience(attempts=99, seconds=2).wait(98) == 300.0
    assert len(follow(Delivery(), Refused("x" * 10_000), NOW, PATIENCE).reason) == 500


@pytest.mark.parametrize(
    ("status", "retry_after", "expected"),
    [
        (500, None, Unreached("answered 500: oh")),
        (503, "7", Unreached("answered 503: oh", wait=7.0)),
        (429, "Wed, 21 Oct 2026 07:28:00 GMT", Unreached("answered 429: oh")),
        (404, None, Refused("answered 404: oh")),
        (422, "7", Refused("answered 422: oh")),
        (302, None, Refused("answered 302: oh")),
    ],
)
def test_a_reply_is_judged(status: int, retry_after: str | None, expected: Outcome) -> None:
    assert judge(status, "oh", retry_after) == expected
