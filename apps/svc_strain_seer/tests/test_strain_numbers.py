"""Numbers and units, as measuring programs write them."""

from __future__ import annotations

import math

import pytest
from svc_strain_seer.numbers import number
from svc_strain_seer.units import Quantity, find_unit, quantity_of


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1.5", ".", 1.5),
        (" -2e-3 ", ".", -0.002),
        ("−7", ".", -7.0),
        ("1,234.5", ".", 1234.5),
        (".5", ".", 0.5),
        ("1,5", ",", 1.5),
        ("1.234,5", ",", 1234.5),
        ("1.234", ",", 1234.0),
        ("1\u00a0234,5", ",", 1234.5),
        ("-3,2E+02", ",", -320.0),
    ],
)
def test_a_number_is_read(text: str, decimal: str, value: float) -> None:
    assert number(text, decimal) == value


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        *[("1,5", "."), ("1.5", ","), ("1,2,3", ","), ("--1", "."), ("", ".")],
        *[("nan", "."), ("inf", "."), ("1e999", "."), ("1_000", "."), ("0x1f", "."), ("12:30", "."), ("٣", ".")],
    ],
)
def test_a_text_that_is_not_a_finite_number_is_not_read(text: str, decimal: str) -> None:
    assert math.isnan(number(text, decimal))


@pytest.mark.parametrize(
    ("text", "quantity", "factor"),
    [
        ("MPa", Quantity.STRESS, 1.0),
        ("N/mm^2", Quantity.STRESS, 1.0),
        ("ksi", Quantity.STRESS, 6.894757),
        ("%", Quantity.STRAIN, 0.01),
        ("μm/m", Quantity.STRAIN, 1e-6),
        ("-", Quantity.STRAIN, 1.0),
        ("kN", Quantity.FORCE, 1e3),
        ("lbf", Quantity.FORCE, 4.448222),
        (" in ", Quantity.EXTENSION, 25.4),
    ],
)
def test_a_unit_is_known_in_its_spellings(text: str, quantity: Quantity, factor: float) -> None:
    unit = find_unit(text)
    assert unit and unit.quantity is quantity
    assert unit.factor == pytest.approx(factor, rel=1e-6)


def test_a_name_says_the_quantity_where_the_unit_does_not() -> None:
    names = {"Standardkraft": "FORCE", "Dehnung": "STRAIN", "Crosshead travel": "EXTENSION", "σ": "STRESS"}
    assert {name: found.name for name in names if (found := quantity_of(name, None))} == names
    assert quantity_of("Load", find_unit("MPa")) is Quantity.STRESS
    assert (quantity_of("time", None), find_unit("s")) == (None, None)
