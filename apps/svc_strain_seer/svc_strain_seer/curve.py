"""Make a stress–strain curve of two columns, whether they hold stress and strain or force and extension."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from svc_strain_seer.table import Column, Numbers, Table
from svc_strain_seer.units import Quantity, Unit, quantity_of, units_of

FEWEST = 20
#: Beyond these the unit is wrong: 1 TPa, and a hundred times the specimen's length.
_LARGEST_STRESS = 1e6
_LARGEST_STRAIN = 100.0
#: Neither extensometers nor load cells resolve such a strain or such a stress in MPa.
_SMALLEST_RANGE = 1e-9


class Unusable(ValueError):
    """Say why columns make no stress–strain curve, or why a curve has no such property."""


@dataclass(frozen=True)
class Specimen:
    """Hold the specimen's original cross section in mm² and gauge length in mm; zero where unknown."""

    area: float = 0.0
    gauge_length: float = 0.0


@dataclass(frozen=True, eq=False)
class Curve:
    """Hold engineering strain (1) and engineering stress (MPa) in the order of the test. All values are finite."""

    strain: Numbers
    stress: Numbers
    dropped: int = 0


#: A curve's axes: each holds one of two quantities.
ACROSS = (Quantity.STRAIN, Quantity.EXTENSION)
UP = (Quantity.STRESS, Quantity.FORCE)


def propose(table: Table, quantities: tuple[Quantity, Quantity]) -> int:
    """Return the column of the first of two quantities that the table has, by unit or by name.

    Where no column is named so, the first column goes across and the second goes up.
    """
    found = [quantity_of(column.name, column.unit) for column in table.columns]
    named = (found.index(quantity) for quantity in quantities if quantity in found)
    return next(named, min(int(quantities is UP), len(found) - 1))


def offer_units(column: Column, quantities: tuple[Quantity, Quantity]) -> list[Unit]:
    """Return the units that the column may have: those of its quantity, or of both where nothing names one."""
    named = quantity_of(column.name, column.unit)
    fitting = [unit for quantity in quantities for unit in units_of(quantity) if named in (quantity, None)]
    return fitting or [unit for quantity in quantities for unit in units_of(quantity)]


def make_curve(across: Column, across_unit: Unit, up: Column, up_unit: Unit, specimen: Specimen) -> Curve:
    """Return the curve: ``across`` is a strain or an extension, ``up`` a stress or a force.

    Raises Unusable when the specimen's size is missing, or when the columns hold no test.
    """
    strain = across.values * across_unit.factor
    if across_unit.quantity is Quantity.EXTENSION:
        strain = strain / _given(specimen.gauge_length, "the gauge length, for strain is extension / gauge length")
    stress = up.values * up_unit.factor
    if up_unit.quantity is Quantity.FORCE:
        stress = stress / _given(specimen.area, "the cross section, for stress is force / cross section")
    both = np.isfinite(strain) & np.isfinite(stress)
    curve = Curve(strain[both], stress[both], int(np.count_nonzero(~both)))
    _refuse(curve, across, up)
    return curve


def _given(value: float, name: str) -> float:
    if not value > 0:
        raise Unusable(f"enter {name}")
    return value


def _refuse(curve: Curve, across: Column, up: Column) -> None:
    """Raise Unusable for a curve that cannot be a tensile test."""
    if len(curve.strain) < FEWEST:
        raise Unusable(f"{len(curve.strain)} rows have both numbers, and a curve needs {FEWEST}")
    if np.abs(curve.stress).max() > _LARGEST_STRESS:
        raise Unusable(f"'{up.name}' exceeds 1 TPa: choose another unit")
    if np.abs(curve.strain).max() > _LARGEST_STRAIN:
        raise Unusable(f"'{across.name}' exceeds 10,000 %: choose another unit")
    for column, values in ((across, curve.strain), (up, curve.stress)):
        if np.ptp(values) < _SMALLEST_RANGE:
            raise Unusable(f"'{column.name}' is constant, or its unit is another")
    if curve.stress.max() <= 0:
        raise Unusable(f"'{up.name}' is never positive: a tensile test pulls")
