"""Find the properties of a tensile test, each with its standard uncertainty.

The uncertainties combine scatter, the choice of the fit range, resolution, and the accuracy of the instruments, as the
Guide to the Expression of Uncertainty in Measurement (JCGM 100:2008) combines independent contributions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from svc_strain_seer.curve import Curve, Unusable
from svc_strain_seer.elastic import OFFSET, ElasticFit, find_offset_yield, fit_elastic, fit_line

#: The test has ended where the stress falls below this part of the maximum (ISO 6892-1, annex A).
_BROKEN = 0.02
#: Strain on both sides of a point that counts as its neighbourhood.
_NEAR = 2.5e-4
_FEWEST = 5
#: Points on each side of the maximum that show its scatter.
_AROUND = 10


@dataclass(frozen=True)
class Accuracy:
    """Hold the largest relative errors of the instruments: 0.01 is class 1 of ISO 7500-1 (force) and ISO 9513 (strain).

    GUM, 4.3.7: the standard uncertainty of an error between two limits is the limit divided by √3.
    """

    stress: float = 0.01
    strain: float = 0.01

    @property
    def of_stress(self) -> float:
        return self.stress / math.sqrt(3)

    @property
    def of_strain(self) -> float:
        return self.strain / math.sqrt(3)


@dataclass(frozen=True)
class Property:
    """Hold a property: value and standard uncertainty in ``unit``, and the conditions that it holds under.

    A property that the test does not show is NaN, and ``note`` says why.
    """

    name: str
    symbol: str
    value: float
    error: float
    unit: str
    note: str = ""

    @property
    def expanded(self) -> float:
        """Return the expanded uncertainty, for a coverage factor of 2: about 95 %."""
        return 2 * self.error


@dataclass(frozen=True)
class Point:
    """Hold a point of the curve: strain (1), stress (MPa)."""

    strain: float
    stress: float


@dataclass(frozen=True)
class Findings:
    """Hold the properties, the fit, and the points that a chart marks. A point that the test does not show is None."""

    properties: tuple[Property, ...]
    fit: ElasticFit
    yielding: Point | None
    maximum: Point
    fracture: Point


def analyse(curve: Curve, accuracy: Accuracy | None = None, stresses: tuple[float, float] | None = None) -> Findings:
    """Find the properties. ``stresses``: the fit range in MPa instead of ISO 6892-1's. Raises Unusable."""
    accuracy = accuracy or Accuracy()
    fit = fit_elastic(curve, stresses)
    yielding, yield_property = _offset_yield(curve, fit, accuracy)
    top, (break_at, broke) = int(curve.stress.argmax()), _fracture(curve)
    properties = (
        _modulus(fit, accuracy),
        yield_property,
        _ultimate(curve, top, accuracy),
        _elongation("Total extension at maximum force", "Agt", curve, top, fit, accuracy),
        _elongation("Total extension at fracture", "At", curve, break_at, fit, accuracy, broke),
        _plastic(curve, break_at, fit, accuracy, broke),
    )
    return Findings(properties, fit, yielding, _point(curve, top), _point(curve, break_at))


def _point(curve: Curve, place: int) -> Point:
    return Point(float(curve.strain[place]), float(curve.stress[place]))


def _modulus(fit: ElasticFit, accuracy: Accuracy) -> Property:
    error = math.hypot(fit.error, fit.modulus * accuracy.of_stress, fit.modulus * accuracy.of_strain)
    note = f"fitted from {fit.low:.4g} to {fit.high:.4g} MPa, {fit.line.points} points"
    return Property("Young's modulus", "E", fit.modulus / 1e3, error / 1e3, "GPa", note)


def _offset_yield(curve: Curve, fit: ElasticFit, accuracy: Accuracy) -> tuple[Point | None, Property]:
    """Return where the line that is offset by 0.2 % crosses the curve, and the stress there."""
    name, symbol = "Offset yield strength", "Rp0.2"
    crossing = find_offset_yield(curve, fit)
    if not crossing:
        note = "the test ends before the line that is offset by 0.2 % strain crosses the curve"
        return None, Property(name, symbol, math.nan, math.nan, "MPa", note)
    near = _neighbourhood(curve, crossing)
    try:
        local = fit_line(curve.strain[near], curve.stress[near])
        stress, scatter = (
            _crossing(local.slope, local.intercept, fit, fit.modulus),
            local.residual / math.sqrt(local.points),
        )
        tangent = local.slope
    except Unusable:
        stress, scatter, tangent = float(curve.stress[crossing]), 0.0, 0.0
    else:
        turned = [_crossing(local.slope, local.intercept, fit, fit.modulus + sign * fit.error) for sign in (1, -1)]
        scatter = math.hypot(scatter, (turned[0] - turned[1]) / 2)
    error = math.hypot(scatter, stress * accuracy.of_stress, tangent * OFFSET * accuracy.of_strain)
    strain = stress / fit.modulus + fit.toe + OFFSET
    return Point(strain, stress), Property(name, symbol, stress, error, "MPa", "at 0.2 % offset strain")


def _crossing(slope: float, intercept: float, fit: ElasticFit, modulus: float) -> float:
    """Return the stress at which a line meets the offset line of the fit, turned to ``modulus`` around its centre."""
    elastic = fit.line.turned(modulus)
    strain = (intercept - elastic.intercept + modulus * OFFSET) / (modulus - slope)
    return slope * strain + intercept


def _neighbourhood(curve: Curve, place: int) -> slice:
    """Return the points around ``place`` whose strain is near, at least two on each side where the test has them."""
    far = np.abs(curve.strain - curve.strain[place]) > _NEAR
    before, after = far[:place][::-1], far[place:]
    first = place - (int(before.argmax()) if before.any() else place)
    last = place + (int(after.argmax()) if after.any() else len(after))
    return slice(max(min(first, place - 2), 0), max(last, place + 3))


def _ultimate(curve: Curve, top: int, accuracy: Accuracy) -> Property:
    """Return the largest stress. The scatter is that around a parabola through its neighbours."""
    near = slice(max(top - _AROUND, 0), top + _AROUND + 1)
    stress = curve.stress[near]
    value, scatter = float(curve.stress[top]), 0.0
    if len(stress) > _FEWEST:
        steps = np.arange(len(stress), dtype=np.float64) - (top - near.start)
        rest = stress - np.polyval(np.polyfit(steps, stress, 2), steps)
        scatter = math.sqrt(float(rest @ rest) / (len(stress) - 3))
    return Property("Ultimate tensile strength", "Rm", value, math.hypot(scatter, value * accuracy.of_stress), "MPa")


def _fracture(curve: Curve) -> tuple[int, str]:
    """Return the last point before the specimen broke, and a note if the test ends before that.

    ISO 6892-1, annex A: the force falls steeply, and then below 2 % of its maximum.
    """
    top = int(curve.stress.argmax())
    low = curve.stress[top:] < _BROKEN * curve.stress[top]
    if not low.any():
        return len(curve.stress) - 1, "the test ends before fracture: the value at its last point"
    end = top + int(low.argmax())
    return top + int(np.diff(curve.stress[top : end + 1]).argmin()), ""


def _elongation(
    name: str, symbol: str, curve: Curve, place: int, fit: ElasticFit, accuracy: Accuracy, note: str = ""
) -> Property:
    value = float(curve.strain[place]) - fit.toe
    error = math.hypot(_resolution(curve, place), value * accuracy.of_strain)
    return Property(name, symbol, 100 * value, 100 * error, "%", note)


def _plastic(curve: Curve, place: int, fit: ElasticFit, accuracy: Accuracy, note: str) -> Property:
    """Return the extension that stays after fracture: the total less the elastic part."""
    elastic = float(curve.stress[place]) / fit.modulus
    value = float(curve.strain[place]) - fit.toe - elastic
    relative = math.hypot(fit.error / fit.modulus, accuracy.of_stress, accuracy.of_strain)
    error = math.hypot(_resolution(curve, place), value * accuracy.of_strain, elastic * relative)
    return Property("Elongation after fracture", "A", 100 * value, 100 * error, "%", note)


def _resolution(curve: Curve, place: int) -> float:
    """Return the uncertainty of a strain from the distance of its neighbours: half of it, divided by √3."""
    near = curve.strain[max(place - 1, 0) : place + 2]
    return float(np.abs(np.diff(near)).max()) / 2 / math.sqrt(3)
