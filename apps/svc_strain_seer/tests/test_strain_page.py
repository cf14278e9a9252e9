"""The page, run by Streamlit's AppTest as a browser's session runs it, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from svc_strain_seer import examples

PAGE = Path(examples.__file__).with_name("app.py")
TEST = examples.as_csv(examples.pull(examples.ALUMINIUM, points=400))


@pytest.fixture
def page() -> Iterator[AppTest]:
    yield AppTest.from_file(PAGE, default_timeout=60).run()
    st.cache_data.clear()


@pytest.fixture(scope="module")
def visitor() -> AppTest:
    """A page that is given one file after another, as by a person who tries."""
    return AppTest.from_file(PAGE, default_timeout=60).run()


def uploaded(page: AppTest, data: bytes, name: str = "test.csv") -> AppTest:
    page.file_uploader(key="file").set_value((name, data, "text/csv"))
    return page.run()


def metrics(page: AppTest) -> dict[str, str]:
    assert not page.exception, [one.message for one in page.exception]
    return {one.label.split(", ")[-1]: one.value for one in page.metric}


def errors(page: AppTest) -> list[str]:
    assert not page.exception, [one.message for one in page.exception]
    return [one.value for one in page.error]


def test_it_begins_with_an_introduction(page: AppTest) -> None:
    assert "tensile test" in page.markdown[0].value
    assert (errors(page), metrics(page)) == ([], {})


def test_a_machine_s_export_needs_only_the_specimen(page: AppTest) -> None:
    uploaded(page, TEST)
    assert errors(page) == ["test.csv: enter the gauge length, for strain is extension / gauge length"]
    page.number_input(key="area").set_value(50.0)
    page.number_input(key="gauge").set_value(50.0)
    page.run()
    assert errors(page) == []
    assert metrics(page) == {
        "E": "68.9 GPa",
        "Rp0.2": "276.0 MPa",
        "Rm": "310.0 MPa",
        "A": pytest.approx(metrics(page)["A"]),
    }
    assert any("semicolon, decimal comma" in one.value for one in page.caption)
    assert [one.label for one in page.download_button] == ["CSV", "JSON", "PNG", "SVG"]


def test_units_that_the_file_does_not_name_are_asked_for(page: AppTest) -> None:
    curve = examples.pull(examples.STEEL, points=300)
    lines = [f"{100 * strain:.6f},{stress:.4f}" for strain, stress in zip(curve.strain, curve.stress, strict=True)]
    uploaded(page, "\n".join(["strain,stress", *lines]).encode())
    assert errors(page) == ["test.csv: choose the units that the file does not name"]
    asked = {one.label: one for one in page.selectbox if one.label.startswith("Unit of")}
    assert {label: one.value for label, one in asked.items()} == {"Unit of strain": None, "Unit of stress": None}
    asked["Unit of strain"].set_value(find(asked["Unit of strain"].options, "%"))
    asked["Unit of stress"].set_value(find(asked["Unit of stress"].options, "MPa"))
    page.run()
    assert metrics(page)["Rm"].startswith("390")


def find(options: list[str], symbol: str) -> str:
    return next(one for one in options if one == symbol)


def test_the_fit_range_and_the_accuracy_may_be_chosen(page: AppTest) -> None:
    page.toggle(key="example").set_value(True).run()
    before = metrics(page)
    captions = [one.value for one in page.caption if one.value.startswith("±")]
    page.number_input(key="force accuracy").set_value(0.0)
    page.toggle(key="own range").set_value(True).run()
    page.slider(key="range").set_value((40.0, 80.0)).run()
    assert errors(page) == []
    assert metrics(page)["E"] != before["E"]
    assert [one.value for one in page.caption if one.value.startswith("±")] != captions


NUMBERS = "\n".join(f"{step};{step}" for step in range(100)).encode()
#: Each has one error with a reason, or is analysed; none raises, none takes long.
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


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_has_an_answer(visitor: AppTest, data: bytes) -> None:
    uploaded(visitor, data, "$x_{../<b>.csv")
    for one in visitor.selectbox:
        if one.label.startswith("Unit of") and one.value is None:
            one.set_value(one.options[0])
    visitor.run()
    assert len(errors(visitor)) == 1 or set(metrics(visitor)) == {"E", "Rp0.2", "Rm", "A"}
    assert not any(word in one for one in errors(visitor) for word in ("nan", "inf ", "Traceback"))
