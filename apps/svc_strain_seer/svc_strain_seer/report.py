"""Write the properties for people, for spreadsheets and for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence

from svc_strain_seer.analysis import Property

_HEAD = ("property", "symbol", "value", "expanded uncertainty (k = 2)", "unit", "note")


def rounded(value: float, uncertainty: float) -> tuple[str, str]:
    """Return both with the decimal places that two significant digits of the uncertainty have (GUM, 7.2.6).

    >>> rounded(203.4567, 2.345)
    ('203.5', '2.3')
    """
    if not math.isfinite(value):
        return "–", ""
    if not uncertainty > 0:
        return f"{value:.6g}", "0"
    places = 1 - math.floor(math.log10(uncertainty))
    places = 1 - math.floor(math.log10(round(uncertainty, places)))  # 0.0996 becomes 0.10
    shown = max(places, 0)
    return f"{round(value, places):.{shown}f}", f"{round(uncertainty, places):.{shown}f}"


def as_csv(properties: Sequence[Property]) -> str:
    """Return a table for spreadsheets. A property that the test does not show has no value."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(_HEAD)
    for found in properties:
        value, uncertainty = rounded(found.value, found.expanded)
        shown = (value, uncertainty) if math.isfinite(found.value) else ("", "")
        table.writerow((found.name, found.symbol, *shown, found.unit, found.note))
    return written.getvalue()


def as_json(properties: Sequence[Property], source: Mapping[str, object]) -> str:
    """Return the unrounded properties, with ``source``: the file and the choices that they depend on."""
    found = {
        one.symbol: {
            "name": one.name,
            "value": one.value if math.isfinite(one.value) else None,
            "standard_uncertainty": one.error if math.isfinite(one.error) else None,
            "unit": one.unit,
            "note": one.note,
        }
        for one in properties
    }
    return json.dumps({"source": dict(source), "properties": found}, ensure_ascii=False, indent=2)
