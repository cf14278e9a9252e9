"""Draw a stress–strain curve with the points and lines that its properties come from."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from svc_strain_seer.analysis import Findings, Point
from svc_strain_seer.curve import Curve
from svc_strain_seer.elastic import OFFSET
from svc_strain_seer.table import Numbers

_INK, _GREY, _CURVE, _ELASTIC, _OFFSET, _MARK = "#1f2933", "#9aa5b1", "#1d4e89", "#e07a1f", "#2a9d8f", "#c8102e"
_MOST_POINTS = 4000


def draw(curve: Curve, findings: Findings, title: str) -> Figure:
    """Return a figure with the whole test on the left and its elastic part on the right."""
    figure = Figure(figsize=(11.5, 4.8), layout="constrained", facecolor="white")
    whole, start = figure.subplots(1, 2, width_ratios=(1.35, 1))
    strain, stress = _thinned(curve)
    for axes in (whole, start):
        _prepare(axes)
        axes.plot(100 * strain, stress, color=_CURVE, linewidth=1.8, zorder=3)
    whole.set_title(title, loc="left", color=_INK, fontsize=12, fontweight="bold", parse_math=False)
    start.set_title("Elastic part", loc="left", color=_INK, fontsize=12, fontweight="bold")
    _mark(whole, findings.maximum, "Rm", (0, 9), "center")
    _mark(whole, findings.fracture, "fracture", (-6, -16), "right")
    if findings.yielding:
        _mark(whole, findings.yielding, "Rp0.2", (10, -14), "left")
    _show_elastic_part(start, findings)
    top = float(curve.stress.max())
    whole.set_ylim(min(0.0, float(curve.stress.min())), 1.14 * top)
    return figure


def as_bytes(figure: Figure, form: str) -> bytes:
    """Return the figure as ``png``, ``svg`` or ``pdf``."""
    written = io.BytesIO()
    figure.savefig(written, format=form, dpi=160)
    return written.getvalue()


def _prepare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_GREY)
    axes.tick_params(colors=_INK, labelsize=9)
    axes.grid(color="#e4e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel("Engineering strain (%)", color=_INK)
    axes.set_ylabel("Engineering stress (MPa)", color=_INK)


def _show_elastic_part(axes: Axes, findings: Findings) -> None:
    """Show the fit in its range, its continuation, the offset line, and their crossing with the curve."""
    fit = findings.fit
    reach = findings.yielding.stress if findings.yielding else max(fit.high, 0.6 * findings.maximum.stress)
    top = 1.22 * reach

    def strain_at(stress: float) -> float:
        return 100 * (stress / fit.modulus + fit.toe)

    axes.plot([strain_at(0), strain_at(top)], [0, top], color=_ELASTIC, linewidth=1, linestyle=(0, (5, 4)))
    axes.plot(
        [strain_at(fit.low), strain_at(fit.high)],
        [fit.low, fit.high],
        color=_ELASTIC,
        linewidth=4.5,
        alpha=0.75,
        solid_capstyle="round",
        zorder=4,
        label=f"E = {fit.modulus / 1e3:.4g} GPa, {fit.low:.3g}–{fit.high:.3g} MPa",
    )
    right = strain_at(top)
    if findings.yielding:
        shift = 100 * OFFSET
        ends = [strain_at(0) + shift, strain_at(top) + shift]
        axes.plot(ends, [0, top], color=_OFFSET, linewidth=1.2, linestyle=(0, (5, 4)), label="0.2 % offset")
        _mark(axes, findings.yielding, f"Rp0.2 = {findings.yielding.stress:.4g} MPa", (9, -13), "left")
        right = 100 * findings.yielding.strain * 1.75
    axes.set_xlim(min(strain_at(0), 0.0) - 0.04 * right, right)
    axes.set_ylim(0, top)
    axes.legend(loc="lower right", frameon=False, fontsize=9, labelcolor=_INK)


def _mark(axes: Axes, point: Point, text: str, away: tuple[float, float], align: str) -> None:
    axes.plot([100 * point.strain], [point.stress], "o", color=_MARK, markersize=5.5, zorder=5, clip_on=False)
    axes.annotate(
        text,
        (100 * point.strain, point.stress),
        xytext=away,
        textcoords="offset points",
        ha=align,
        color=_INK,
        fontsize=9.5,
        zorder=6,
    )


def _thinned(curve: Curve) -> tuple[Numbers, Numbers]:
    """Return at most about 4,000 points: the first, the lowest and the highest of each stretch keep every peak."""
    count = len(curve.stress)
    if count <= _MOST_POINTS:
        return curve.strain, curve.stress
    edges = np.linspace(0, count, _MOST_POINTS // 3 + 1).astype(int)
    kept = {count - 1}
    for first, last in pairwise(edges):
        part = curve.stress[first:last]
        kept |= {int(first), int(first + part.argmin()), int(first + part.argmax())}
    places = np.array(sorted(kept))
    return curve.strain[places], curve.stress[places]
