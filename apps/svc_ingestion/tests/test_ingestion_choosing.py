"""Test the choice of the document to deliver next."""

from __future__ import annotations

import pytest
from svc_ingestion.choosing import Breaker, choose
from svc_ingestion.delivery import Arrived, Away, Crashed, Outcome, Refused, Unreached
from svc_ingestion.documents import Delivery, Document

NOW = 1000.0


def document(id: str, due: float = 0.0, crashes: int = 0) -> Document:
    return Document(id, "a.pdf", "application/pdf", 3, "2026", Delivery(due=due, crashes=crashes))


A, B, SUSPECT = document("a"), document("b"), document("s", crashes=1)


@pytest.mark.parametrize(
    ("waiting", "underway", "breaker", "expected"),
    [
        ([], [], Breaker(), (None, 60.0)),
        ([A, B], [], Breaker(), (A, 0.0)),
        ([A, B], [A], Breaker(), (B, 0.0)),
        ([A], [A], Breaker(), (None, 60.0)),
        ([document("late", due=1007.0)], [], Breaker(), (None, 7.0)),
        ([document("late", due=9000.0)], [], Breaker(), (None, 60.0)),
        ([SUSPECT, A], [], Breaker(), (SUSPECT, 0.0)),
        ([SUSPECT, A], [B], Breaker(), (None, 60.0)),
        ([SUSPECT, A], [SUSPECT], Breaker(), (None, 60.0)),
        ([A, B], [], Breaker(1, until=1005.0), (None, 5.0)),
        ([A, B], [], Breaker(1, until=900.0), (A, 0.0)),
        ([A, B], [A], Breaker(1, until=900.0), (None, 60.0)),
    ],
    ids=[
        "nothing waits",
        "the first",
        "another one",
        "none but the one underway",
        "not yet due",
        "not due for long",
        "a suspect",
        "a suspect waits until it is alone",
        "all wait for a suspect",
        "the receiver is away",
        "one tries whether it is back",
        "all others wait for this try",
    ],
)
def test_a_document_is_chosen(
    waiting: list[Document], underway: list[Document], breaker: Breaker, expected: tuple[Document | None, float]
) -> None:
    assert choose(waiting, underway, breaker, NOW) == expected


def test_each_failed_connection_doubles_the_rest_up_to_a_minute() -> None:
    breaker, now, rests = Breaker(), NOW, []
    for _ in range(9):
        breaker = breaker.after(Away("refused"), now, chance=1.0)
        assert breaker.after(Away("refused"), now, chance=1.0) == breaker
        rests.append(breaker.until - now)
        now = breaker.until
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert Breaker().after(Away("refused"), NOW, chance=0.0).until - NOW == 0.5


@pytest.mark.parametrize("outcome", [Arrived(), Refused("no"), Unreached("slow"), Crashed("gone")])
def test_a_receiver_that_takes_a_connection_is_back(outcome: Outcome) -> None:
    assert Breaker(3, until=900.0).after(outcome, NOW, chance=1.0) == Breaker()
