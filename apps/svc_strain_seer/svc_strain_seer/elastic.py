"""Fit Young's modulus to the elastic part of a stress–strain curve.

The fit range follows ISO 6892-1, annex G: from 10 % to 40 % of the proof strength. The proof strength itself depends on
the modulus, so the range is found by iteration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import linregress

from svc_strain_seer.curve import Curve, Unusable
from svc_strain_seer.table import Numbers

OFFSET = 0.002
_LOW, _HIGH = 0.10, 0.40
_ROUNDS = 25
_FEWEST = 5


@dataclass(frozen=True)
class Line:
    """Hold a least-squares line: ``error`` is the slope's standard error, ``centre`` the means of both variables."""

    slope: float
    intercept: float
    error: float
    residual: float
    points: int
    centre: tuple[float, float]
    correlation: float

    def turned(self, slope: float) -> Line:
        """Return the line through the same centre with another slope."""
        x, y = self.centre
        return Line(slope, y - slope * x, self.error, self.residual, self.points, self.centre, self.correlation)


@dataclass(frozen=True)
class ElasticFit:
    """Hold the elastic line, the stress range that it was fitted to (MPa), and the slice of the curve.

    ``error`` is the modulus's standard uncertainty from scatter and from the choice of the range (MPa).
    """

    line: Line
    low: float
    high: float
    first: int
    last: int
    error: float

    @property
    def modulus(self) -> float:
        return self.line.slope

    @property
    def toe(self) -> float:
        """Return the strain at which the line meets zero stress: the test's corrected origin."""
        return -self.line.intercept / self.line.slope


def fit_line(x: Numbers, y: Numbers) -> Line:
    """Fit y = slope · x + intercept. ``error`` assumes independent residuals. Raises Unusable for constant x."""
    if len(x) < 3 or np.ptp(x) == 0:
        raise Unusable("the strain does not change in the fit range")
    found = linregress(x, y)
    rest = y - (found.slope * x + found.intercept)
    residual = math.sqrt(float(rest @ rest) / (len(x) - 2))
    centre = float(x.mean()), float(y.mean())
    slope, intercept, error = float(found.slope), float(found.intercept), float(found.stderr)
    return Line(slope, intercept, error, residual, len(x), centre, _correlation(rest))


def fit_elastic(curve: Curve, stresses: tuple[float, float] | None = None) -> ElasticFit:
    """Fit the modulus in a range of stresses (MPa), or in the range of ISO 6892-1. Raises Unusable."""
    if stresses:
        return _fit(curve, *stresses)
    proof, fit = float(curve.stress.max()), None
    for _ in range(_ROUNDS):
        fit = _fit(curve, _LOW * proof, _HIGH * proof)
        crossing = find_offset_yield(curve, fit)
        found = float(curve.stress[crossing]) if crossing else float(curve.stress.max())
        if math.isclose(found, proof, rel_tol=1e-3):
            break
        proof = found
    assert fit is not None
    return fit


def find_offset_yield(curve: Curve, fit: ElasticFit) -> int:
    """Return the position of the first point at or below the line that is offset by 0.2 % strain; 0 for none."""
    beyond = slice(fit.last, None)
    under = curve.stress[beyond] <= fit.modulus * (curve.strain[beyond] - fit.toe - OFFSET)
    return fit.last + int(under.argmax()) if under.any() else 0


def _fit(curve: Curve, low: float, high: float) -> ElasticFit:
    """Fit the part of the loading branch between two stresses."""
    loading = curve.stress[: int(curve.stress.argmax()) + 1]
    first, last = int((loading >= low).argmax()), int((loading >= high).argmax())
    if last - first < _FEWEST:
        raise Unusable(
            f"{max(last - first, 0)} points between {low:.4g} and {high:.4g} MPa, and a fit needs {_FEWEST}: "
            "choose the fit range"
        )
    line = fit_line(curve.strain[first:last], curve.stress[first:last])
    if line.slope <= 0:
        raise Unusable("the stress does not rise with the strain in the fit range: choose the fit range")
    return ElasticFit(line, low, high, first, last, _uncertainty(curve, first, last, line))


def _uncertainty(curve: Curve, first: int, last: int, line: Line) -> float:
    """Combine the slope's standard error with half the difference of the slopes in both halves of the range.

    Neighbouring residuals of a densely sampled test are correlated: the effective number of points is smaller by
    (1 − r) / (1 + r).
    """
    scatter = line.error * math.sqrt((1 + line.correlation) / (1 - line.correlation))
    middle = (first + last) // 2
    if middle - first < _FEWEST or last - middle < _FEWEST:
        return scatter
    lower = fit_line(curve.strain[first:middle], curve.stress[first:middle])
    upper = fit_line(curve.strain[middle:last], curve.stress[middle:last])
    change = abs(upper.slope - lower.slope)
    noise = math.hypot(lower.error, upper.error)
    return math.hypot(scatter, max(change - 2 * noise, 0.0) / 2)


def _correlation(rest: Numbers) -> float:
    """Return the correlation of neighbouring residuals, between 0 and 0.98."""
    power = float(rest @ rest)
    found = float(rest[1:] @ rest[:-1]) / power if power > 0 else 0.0
    return min(max(found, 0.0), 0.98)
