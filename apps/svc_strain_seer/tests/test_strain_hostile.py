"""Test that every hostile file is refused with a reason, or analysed."""

from __future__ import annotations

import math

import pytest
from svc_strain_seer.analysis import Findings, analyse
from svc_strain_seer.curve import ACROSS, UP, Specimen, Unusable, make_curve, offer_units, propose
from svc_strain_seer.table import Column, Unreadable, read
from svc_strain_seer.units import Quantity, Unit

NUMBERS = "\n".join(f"{step};{step}" for step in range(100)).encode()
#: Each is refused with a reason, or analysed.
HOSTILE = {
    "empty": b"",
    "blank": b" \r\n" * 100,
    "binary": bytes(range(256)) * 100,
    "png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "zip": b"PK\x03\x04" + bytes(500),
    "pdf": b"%PDF-1.7\n1 0 obj\n",
    "html": b"<script>alert(1)</script>\n" * 50,
    "formula": b"=cmd|'/c calc'!A1;1\n" * 50,
    "words": b"a;b\n" * 50,
    "one row": b"1;2\n",
    "header only": b"Strain [%];Stress [MPa]\n",
    "one column": b"1\n" * 100,
    "two rows": b"1;2\n2;3\n",
    "million columns": b"1;" * 1_000_000,
    "65 columns": (b";".join([b"1"] * 65) + b"\n") * 30,
    "million lines": b"1;2\n" * 1_000_000,
    "million line ends": b"\n" * 1_000_000 + b"1;2",
    "carriage returns": b"1;2\r" * 300_000,
    "long line": b"1;2" + b"0" * 100_000,
    "too many cells": (b";".join([b"1"] * 60) + b"\n") * 40_000,
    "nan": b"nan;nan\n" * 100,
    "inf": b"inf;-inf\n" * 100,
    "overflow": b"1e999;1e999\n" * 100,
    "huge": b"\n".join(b"%de300;%de300" % (step, step) for step in range(9)) * 5,
    "tiny": b"\n".join(b"%de-320;%de-320" % (step, step) for step in range(1, 9)) * 5,
    "denormal": "\n".join(f"{step}e-310;{step}" for step in range(50)).encode(),
    "constant": b"1;1\n" * 100,
    "constant strain": "\n".join(f"1;{step}" for step in range(100)).encode(),
    "constant stress": "\n".join(f"{step};1" for step in range(100)).encode(),
    "all zero": b"0;0\n" * 100,
    "negative": "\n".join(f"{step};-{step}" for step in range(100)).encode(),
    "falling": "\n".join(f"{step};{100 - step}" for step in range(100)).encode(),
    "line": NUMBERS,
    "saw": "\n".join(f"{step};{step % 7}" for step in range(500)).encode(),
    "spike": "\n".join(f"{step};{9**9 if step == 50 else 1}" for step in range(100)).encode(),
    "steps": "\n".join(f"{step // 10};{step // 10}" for step in range(400)).encode(),
    "backwards": "\n".join(f"{100 - step};{step}" for step in range(100)).encode(),
    "there and back": "\n".join(f"{50 - abs(step)};{50 - abs(step)}" for step in range(-50, 51)).encode(),
    "last is the largest": "\n".join(f"{step};{step**3}" for step in range(60)).encode(),
    "first is the largest": "\n".join(f"{step};{max(100 - 10 * step, 1)}" for step in range(60)).encode(),
    "two values": b"0;0\n1;1\n" * 50,
    "ragged": b"1;2;3\n1\n1;2\n;;;;\n" * 40,
    "quotes": b'"' * 9000,
    "open quote": b'"1;2\n' * 100,
    "nul": b"1;2\n" * 30 + b"\x00",
    "escape": b"\x1b[31m1;2\n" * 30,
    "utf-16 cut": b"\xff\xfe1\x00;\x00\x32",
    "utf-16 pairs": "\ufeff".encode("utf-16-le") + b"\x00\xd8" * 50,
    "latin-1": "Kraft;Länge\n".encode("latin-1") + NUMBERS,
    "arabic digits": "٣;٤\n".encode() * 50,
    "underscores": b"1_0;2_0\n" * 50,
    "hex": b"0x1;0x2\n" * 50,
    "dates": b"2026-01-01;12:30:00\n" * 50,
    "thousands": b"1.234.567;1.234.567\n" * 50,
    "mixed decimals": b"1,5;1.5\n" * 50,
    "comma decimals": b"1,5,2,5\n" * 50,
    "markdown name": b"![x](http://evil.example/x);**b**\n" + NUMBERS,
    "mathtext name": b"$\\frac{;$x_{\n" + NUMBERS,
    "equal names": b"Strain;Strain\n" + NUMBERS,
    "long names": b"S" * 4000 + b";" + b"T" * 4000 + b"\n" + NUMBERS,
    "strange unit": b"Strain [parsec];Stress [kg]\n" + NUMBERS,
    "swapped units": b"Strain [MPa];Stress [%]\n" + NUMBERS,
}


def analysed(data: bytes) -> Findings:
    """Analyse the file as the page does, with the first unit offered where the file names none."""
    table = read(data)
    across, up = (table.columns[propose(table, axis)] for axis in (ACROSS, UP))
    across_unit, up_unit = (unit_of(column, axis) for column, axis in ((across, ACROSS), (up, UP)))
    return analyse(make_curve(across, across_unit, up, up_unit, Specimen(area=50.0, gauge_length=50.0)))


def unit_of(column: Column, axis: tuple[Quantity, Quantity]) -> Unit:
    offered = offer_units(column, axis)
    return column.unit if column.unit in offered else offered[0]


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_or_analysed(data: bytes) -> None:
    try:
        findings = analysed(data)
    except (Unreadable, Unusable) as error:
        assert str(error) and not any(word in str(error) for word in ("nan", "inf "))
    else:
        assert all(math.isfinite(one.value) or one.note for one in findings.properties)
