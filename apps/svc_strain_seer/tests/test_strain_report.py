"""The results as texts and as a picture."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest
from svc_strain_seer.analysis import Property, analyse
from svc_strain_seer.chart import as_bytes, draw
from svc_strain_seer.curve import Curve
from svc_strain_seer.examples import STEEL, pull
from svc_strain_seer.report import as_csv, as_json, rounded


@pytest.mark.parametrize(
    ("value", "uncertainty", "shown"),
    [
        (203.4567, 2.345, ("203.5", "2.3")),
        (203.4567, 0.0996, ("203.46", "0.10")),
        (12345.6, 234.5, ("12350", "230")),
        (0.0123456, 0.00099, ("0.01235", "0.00099")),
        (285.123456789, 0.0, ("285.123", "0")),
        (math.nan, math.nan, ("–", "")),
    ],
)
def test_the_uncertainty_has_two_digits_and_the_value_as_many_places(
    value: float, uncertainty: float, shown: tuple[str, str]
) -> None:
    assert rounded(value, uncertainty) == shown


MISSING = Property("Offset yield strength", "Rp0.2", math.nan, math.nan, "MPa", "the test ends early")


def test_a_spreadsheet_has_a_row_for_each_property() -> None:
    properties = (*analyse(pull(STEEL)).properties, MISSING)
    rows = list(csv.DictReader(io.StringIO(as_csv(properties))))
    assert [row["symbol"] for row in rows] == ["E", "Rp0.2", "Rm", "Agt", "At", "A", "Rp0.2"]
    assert (rows[-1]["value"], rows[-1]["note"]) == ("", "the test ends early")
    assert float(rows[2]["value"]) == pytest.approx(390, rel=0.01)


def test_json_is_strict_and_names_its_source() -> None:
    told = json.loads(as_json((MISSING,), {"file": "ü.csv"}), parse_constant=lambda text: pytest.fail(text))
    assert told["source"] == {"file": "ü.csv"}
    assert told["properties"]["Rp0.2"]["value"] is None


def test_a_chart_is_drawn_as_picture_and_as_vectors() -> None:
    curve = pull(STEEL, points=20_000, noise=(4e-6, 0.5))
    figure = draw(curve, analyse(curve), "steel")
    assert as_bytes(figure, "png").startswith(b"\x89PNG")
    svg = as_bytes(figure, "svg")
    assert svg.startswith(b"<?xml") and len(svg) < 1_000_000, "the curve is thinned"


def test_a_chart_needs_no_yielding_and_no_plain_title() -> None:
    stress = pull(STEEL).stress[:200]
    curve = Curve(stress / 206_000, stress)
    assert as_bytes(draw(curve, analyse(curve), "$x_{1$ <&> ü"), "svg")
