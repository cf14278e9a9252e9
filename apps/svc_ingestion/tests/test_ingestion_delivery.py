"""Test the next step after each try to deliver a document."""

from __future__ import annotations

import pytest
from svc_ingestion.delivery import Arrived, Away, Crashed, Outcome, Patience, Refused, Unreached, follow, judge
from svc_ingestion.documents import Delivery, State

NOW = 1000.0
PATIENCE = Patience(attempts=3, seconds=2.0, longest=300.0, crashes=2)
PENDING, DELIVERED, FAILED = State.PENDING, State.DELIVERED, State.FAILED


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Arrived({"pages": 2}), Delivery(DELIVERED, 1, result={"pages": 2})),
        (Refused("answered 415: no"), Delivery(FAILED, 1, "answered 415: no")),
        (Unreached("slow"), Delivery(PENDING, 1, "slow", due=1002.0)),
        (Unreached("busy", wait=30), Delivery(PENDING, 1, "busy", due=1030.0)),
        (Unreached("busy", wait=10**6), Delivery(PENDING, 1, "busy", due=1300.0)),
        (Crashed("gone"), Delivery(PENDING, 1, "gone", due=1002.0, crashes=1)),
        (Away("refused"), Delivery(PENDING, 0, "refused")),
    ],
)
def test_a_first_try(outcome: Outcome, expected: Delivery) -> None:
    assert follow(Delivery(), outcome, NOW, PATIENCE) == expected


def test_waits_double_and_patience_ends() -> None:
    second = follow(Delivery(PENDING, 1), Unreached("down"), NOW, PATIENCE)
    assert second == Delivery(PENDING, 2, "down", due=1004.0)
    assert follow(second, Unreached("down"), NOW, PATIENCE) == Delivery(FAILED, 3, "gave up after 3 tries: down")


def test_a_document_that_ends_its_receiver_again_is_quarantined() -> None:
    once = follow(Delivery(), Crashed("gone"), NOW, PATIENCE)
    assert follow(once, Crashed("gone"), NOW, PATIENCE) == Delivery(
        State.QUARANTINED, 2, "its receiver ended 2 times: gone", crashes=2
    )


def test_a_receiver_that_is_away_costs_no_attempt() -> None:
    delivery = Delivery(PENDING, 2, "slow", due=5.0, crashes=1)
    for _ in range(1000):
        delivery = follow(delivery, Away("refused"), NOW, PATIENCE)
    assert delivery == Delivery(PENDING, 2, "refused", due=5.0, crashes=1)


def test_a_delivery_that_arrives_late_forgets_its_reason() -> None:
    assert follow(Delivery(PENDING, 2, "down"), Arrived(), NOW, PATIENCE) == Delivery(DELIVERED, 3)


def test_waits_are_bounded_and_reasons_short() -> None:
    assert PATIENCE.wait(98, 1.0) == 300.0
    assert len(follow(Delivery(), Refused("x" * 10_000), NOW, PATIENCE).reason) == 500
    assert len(follow(Delivery(), Away("x" * 10_000), NOW, PATIENCE).reason) == 500


def test_waits_are_spread_over_their_whole_length() -> None:
    due = [follow(Delivery(PENDING, 1), Unreached("down"), NOW, PATIENCE, chance).due for chance in (0.0, 0.5, 1.0)]
    assert due == [1000.0, 1002.0, 1004.0]


def test_the_default_patience_is_hours() -> None:
    hours = sum(Patience().wait(attempts, 0.5) for attempts in range(1, Patience().attempts)) / 3600
    assert 4 < hours < 5


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
