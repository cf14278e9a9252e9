"""The server loads the page, and what the page imports, before it listens."""

from __future__ import annotations

from pathlib import Path

import pytest
from svc_strain_seer.server import load

PAGE = """
import streamlit as st
from pathlib import Path
if st.toggle("Show an example", key="example"):
    Path({seen!r}).touch()
"""


def test_the_page_runs_with_its_example(tmp_path: Path) -> None:
    page, seen = tmp_path / "app.py", tmp_path / "seen"
    page.write_text(PAGE.format(seen=str(seen)))
    load(page)
    assert seen.exists()


@pytest.mark.parametrize("text", ["1 / 0", PAGE.format(seen="/absent/folder/seen")], ids=["first", "example"])
def test_a_page_that_fails_ends_the_start(tmp_path: Path, text: str) -> None:
    page = tmp_path / "app.py"
    page.write_text(text)
    with pytest.raises(RuntimeError, match=r"app\.py fails: (division by zero|.*/absent/folder/seen)"):
        load(page)
