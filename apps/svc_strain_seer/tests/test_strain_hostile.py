"""Test that every hostile file is refused with a reason, or analysed."""

from __future__ import annotations

import math

import pytest
from svc_strain_seer.analysis import Findings, analyse
from svc_strain_seer.curve import ACROSS, UP, Specimen, Unusable, make_curve, offer_units, propose
from svc_strain_seer.table import Column, Unreadable, read
from svc_strain_seer.units import Quantity, Unit

from apps.trials.inputs.tables import TABLES


def analysed(data: bytes) -> Findings:
    """Analyse the file as the page does, with the first unit offered where the file names none."""
    table = read(data)
    across, up = (table.columns[propose(table, axis)] for axis in (ACROSS, UP))
    across_unit, up_unit = (unit_of(column, axis) for column, axis in ((across, ACROSS), (up, UP)))
    return analyse(make_curve(across, across_unit, up, up_unit, Specimen(area=50.0, gauge_length=50.0)))


def unit_of(column: Column, axis: tuple[Quantity, Quantity]) -> Unit:
    offered = offer_units(column, axis)
    return column.unit if column.unit in offered else offered[0]


@pytest.mark.parametrize("data", TABLES.values(), ids=TABLES.keys())
def test_a_hostile_file_is_refused_or_analysed(data: bytes) -> None:
    try:
        findings = analysed(data)
    except (Unreadable, Unusable) as error:
        assert str(error) and not any(word in str(error) for word in ("nan", "inf "))
    else:
        assert all(math.isfinite(one.value) or one.note for one in findings.properties)
