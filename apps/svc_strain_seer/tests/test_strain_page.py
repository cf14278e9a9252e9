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


STEPS = "\n".join(f"{step};{step}" for step in range(100)).encode()


@pytest.mark.parametrize(
    "data",
    [b"", b"\x89PNG\r\n\x1a\n", b"![x](http://evil.example/x);**b**\n" + STEPS, b"$\\frac{;$x_{\n" + STEPS],
    ids=["empty", "png", "markdown name", "mathtext name"],
)
def test_a_hostile_file_has_an_answer_on_the_page(page: AppTest, data: bytes) -> None:
    uploaded(page, data, "$x_{../<b>.csv")
    for one in page.selectbox:
        if one.label.startswith("Unit of") and one.value is None:
            one.set_value(one.options[0])
    page.run()
    assert len(errors(page)) == 1 or set(metrics(page)) == {"E", "Rp0.2", "Rm", "A"}
