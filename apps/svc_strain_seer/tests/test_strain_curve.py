"""Columns become a curve, or a reason why not."""

from __future__ import annotations

import numpy as np
import pytest
from svc_strain_seer.curve import ACROSS, UP, Curve, Specimen, Unusable, make_curve, offer_units, propose
from svc_strain_seer.table import Column, Dialect, Numbers, Table
from svc_strain_seer.units import Quantity, Unit, find_unit

RAMP = np.linspace(0, 10, 50)


def unit(text: str) -> Unit:
    found = find_unit(text)
    assert found
    return found


def curve(
    across: Numbers, up: Numbers, units: tuple[str, str] = ("%", "MPa"), specimen: Specimen | None = None
) -> Curve:
    columns = Column("x", units[0], across), Column("y", units[1], up)
    return make_curve(columns[0], unit(units[0]), columns[1], unit(units[1]), specimen or Specimen())


def test_units_are_converted() -> None:
    assert curve(RAMP, RAMP).strain[-1] == pytest.approx(0.1)
    made = curve(RAMP, RAMP, ("mm", "kN"), Specimen(area=50, gauge_length=80))
    assert (made.strain[-1], made.stress[-1]) == (pytest.approx(10 / 80), pytest.approx(10_000 / 50))


def test_rows_without_both_numbers_are_dropped_and_counted() -> None:
    holes = RAMP.copy()
    holes[[3, 7]] = np.nan
    made = curve(holes, RAMP)
    assert (len(made.strain), made.dropped) == (48, 2)


@pytest.mark.parametrize(
    ("across", "up", "said"),
    [
        (RAMP[:5], RAMP[:5], "5 rows have both numbers"),
        (RAMP[:1], RAMP[:1], "1 rows have both numbers"),
        (RAMP * np.nan, RAMP, "0 rows have both numbers"),
        (RAMP, RAMP * 0 + 3, "'y' is constant"),
        (RAMP * 0, RAMP, "'x' is constant"),
        (RAMP, -RAMP, "never positive"),
        (RAMP, RAMP * 1e300, "exceeds 1 TPa"),
        (RAMP * 1e300, RAMP, "exceeds 10,000 %"),
    ],
)
def test_columns_without_a_tensile_test_are_refused(across: Numbers, up: Numbers, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        curve(across, up)


@pytest.mark.parametrize(("specimen", "said"), [(Specimen(50, 0), "gauge length"), (Specimen(0, 80), "cross section")])
def test_a_force_needs_a_cross_section_and_an_extension_a_gauge_length(specimen: Specimen, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        curve(RAMP, RAMP, ("mm", "kN"), specimen)


def test_columns_are_proposed_by_unit_or_name() -> None:
    heads = [("time", "s"), ("Travel", "mm"), ("Load", "kN"), ("Strain", "%"), ("y", "N/mm2")]
    table = Table(tuple(Column(name, spelled, RAMP) for name, spelled in heads), Dialect(";", "."), 0)
    assert (propose(table, ACROSS), propose(table, UP)) == (3, 4)
    bare = Table(tuple(Column(f"column {place}", "", RAMP) for place in (1, 2)), Dialect(";", "."), 0)
    assert (propose(bare, ACROSS), propose(bare, UP)) == (0, 1)


@pytest.mark.parametrize(
    ("name", "spelled", "offered"),
    [
        ("Travel", "mm", {Quantity.EXTENSION}),
        ("Strain", "", {Quantity.STRAIN}),
        ("column 1", "", {Quantity.STRAIN, Quantity.EXTENSION}),
        ("Load", "kN", {Quantity.STRAIN, Quantity.EXTENSION}),
    ],
)
def test_the_units_of_a_column_s_quantity_are_offered(name: str, spelled: str, offered: set[Quantity]) -> None:
    assert {one.quantity for one in offer_units(Column(name, spelled, RAMP), ACROSS)} == offered
