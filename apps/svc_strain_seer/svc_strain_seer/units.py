"""Know the units of tensile tests: the quantity that each measures, and its factor to MPa, 1, N and mm."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Quantity(Enum):
    """Name the quantities of a tensile test, each with the unit that the analysis computes in."""

    STRESS = "MPa"
    STRAIN = "1"
    FORCE = "N"
    EXTENSION = "mm"


@dataclass(frozen=True)
class Unit:
    """Hold a unit: one of it is ``factor`` of the quantity's own unit."""

    symbol: str
    quantity: Quantity
    factor: float

    def __str__(self) -> str:
        return self.symbol


#: All of NIST SP 811, appendix B; a pound-force is 4.4482216152605 N, an inch 25.4 mm.
_POUND, _INCH = 4.4482216152605, 25.4
UNITS = (
    Unit("MPa", Quantity.STRESS, 1.0),
    Unit("N/mm²", Quantity.STRESS, 1.0),
    Unit("GPa", Quantity.STRESS, 1e3),
    Unit("kPa", Quantity.STRESS, 1e-3),
    Unit("Pa", Quantity.STRESS, 1e-6),
    Unit("psi", Quantity.STRESS, _POUND / _INCH**2),
    Unit("ksi", Quantity.STRESS, 1e3 * _POUND / _INCH**2),
    Unit("mm/mm", Quantity.STRAIN, 1.0),
    Unit("%", Quantity.STRAIN, 1e-2),
    Unit("‰", Quantity.STRAIN, 1e-3),
    Unit("µm/m", Quantity.STRAIN, 1e-6),
    Unit("N", Quantity.FORCE, 1.0),
    Unit("kN", Quantity.FORCE, 1e3),
    Unit("lbf", Quantity.FORCE, _POUND),
    Unit("kip", Quantity.FORCE, 1e3 * _POUND),
    Unit("mm", Quantity.EXTENSION, 1.0),
    Unit("µm", Quantity.EXTENSION, 1e-3),
    Unit("cm", Quantity.EXTENSION, 10.0),
    Unit("m", Quantity.EXTENSION, 1e3),
    Unit("in", Quantity.EXTENSION, _INCH),
)
#: Other spellings, in lower case. No tensile test measures millipascals, so case does not matter.
_SPELLINGS = {
    "n/mm2": "N/mm²",
    "n/mm^2": "N/mm²",
    "-": "mm/mm",
    "1": "mm/mm",
    "m/m": "mm/mm",
    "in/in": "mm/mm",
    "percent": "%",
    "pct": "%",
    "µε": "µm/m",
    "ue": "µm/m",
    "um/m": "µm/m",
    "microstrain": "µm/m",
    "lb": "lbf",
    "lbs": "lbf",
    "um": "µm",
    "inch": "in",
    "inches": "in",
}
_BY_SPELLING = {unit.symbol.lower(): unit for unit in UNITS}
_BY_SPELLING |= {spelling: _BY_SPELLING[symbol.lower()] for spelling, symbol in _SPELLINGS.items()}
#: Names of columns in English and German: their words decide where the unit does not.
_NAMES = {
    Quantity.STRESS: re.compile(r"stress|sigma|σ|spannung", re.IGNORECASE),
    Quantity.STRAIN: re.compile(r"strain|epsilon|ε|dehnung", re.IGNORECASE),
    Quantity.FORCE: re.compile(r"force|load|kraft|^f$", re.IGNORECASE),
    Quantity.EXTENSION: re.compile(
        r"exten|displace|elongation|travel|stroke|weg|verlängerung|verlaengerung|delta.?l|Δl", re.IGNORECASE
    ),
}


def find_unit(text: str) -> Unit | None:
    """Return the unit that the text spells, or None."""
    return _BY_SPELLING.get(text.strip().lower().replace("μ", "µ"))


def quantity_of(name: str, unit: Unit | None) -> Quantity | None:
    """Return the quantity of a column from its unit, else from its name, or None."""
    if unit:
        return unit.quantity
    return next((quantity for quantity, pattern in _NAMES.items() if pattern.search(name)), None)


def units_of(quantity: Quantity) -> tuple[Unit, ...]:
    return tuple(unit for unit in UNITS if unit.quantity is quantity)
