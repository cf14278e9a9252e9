"""A service refuses a request without a place."""

from __future__ import annotations

import pytest

from servicekit.places import Busy, Places


def test_a_request_without_a_place_is_refused_until_another_one_ends() -> None:
    places = Places(2)
    with places.taken():
        with places.taken(), pytest.raises(Busy, match="all 2 places are taken"), places.taken():
            pass
        with places.taken():
            pass


def test_a_request_that_fails_gives_its_place_back() -> None:
    places = Places(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), places.taken():
            raise ZeroDivisionError
