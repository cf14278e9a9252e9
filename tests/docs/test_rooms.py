"""The picture of the rooms is drawn from the code, and its lines are the contract's."""

from __future__ import annotations

from tests.docs import rooms


def test_the_picture_is_current() -> None:
    said = "python -m tests.docs.rooms > docs/rooms.svg"
    assert rooms.DOCUMENT.read_text("utf-8") == rooms.picture(rooms.read_house()), said


def test_the_picture_has_the_rooms_of_the_contract_in_its_order() -> None:
    drawn = [room for _, band in rooms.BANDS for room in band if room != rooms.PUBLIC]
    ranks = {room: rank for rank, (_, band) in enumerate(rooms.BANDS) for room in band}
    assert set(drawn) == set(rooms.order())
    assert [ranks[room] for room in rooms.order()] == sorted(ranks[room] for room in rooms.order())


def test_an_arrow_that_a_chain_implies_is_left_out() -> None:
    house = rooms.House(frozenset({("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")}))
    assert house.arrows() == (("a", "b"), ("a", "d"), ("b", "c"))
