"""A page is read once, and a second time when it is not upright. A small script stands for tesseract."""

from __future__ import annotations

from pathlib import Path

import anyio
import numpy as np
import pytest

from ocrkit.prepare import Prepared, prepare
from ocrkit.reading import read_page
from ocrkit.unreadable import Unreadable
from ocrkit.words import confidence_of, text_of

pytestmark = pytest.mark.process

#: A page with a bar at the top is upright.
PAGE = np.full((1200, 1200), 255, np.uint8)
PAGE[100:200, 100:1100] = 0

TESSERACT = """#!/usr/bin/env python3
import sys
data = sys.stdin.buffer.read()
head = data.index(b"255\\n") + 4
rows = [data[head + row * 1200 : head + (row + 1) * 1200].count(0) for row in (150, 1050)]
if "--psm" in sys.argv:
    upright, upside_down = rows[0] > 500, rows[1] > 500
    left = data[head + 600 * 1200 + 150] == 0
    print("Rotate:", 0 if upright else 180 if upside_down else 90 if left else 270)
else:
    print("level\\tblock_num\\tpar_num\\tline_num\\tleft\\ttop\\twidth\\theight\\tconf\\ttext")
    sure = rows[0] > 500
    print("5\\t1\\t1\\t1\\t100\\t100\\t1000\\t100", 90 if sure else 25, "word" if sure else "pJom", sep="\\t")
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Put the script on PATH. The list holds the turns of each prepared page."""
    (tmp_path / "tesseract").write_text(TESSERACT)
    (tmp_path / "tesseract").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return []


@pytest.mark.parametrize(
    ("turned", "prepared"), [(0, [0]), (1, [0, 3]), (2, [0, 2]), (3, [0, 1])], ids=["upright", "90", "180", "270"]
)
def test_a_page_is_read_upright_and_its_boxes_are_those_of_the_page(
    asked: list[int], turned: int, prepared: list[int]
) -> None:
    page = np.rot90(PAGE, turned)

    async def prepared_for(turns: int) -> Prepared:
        asked.append(turns)
        return prepare(page, turns)

    _, words = anyio.run(read_page, prepared_for, "eng", 10.0)
    assert (text_of(words), confidence_of(words), asked) == ("word", 90, prepared)
    box = words[0].box
    inside = page[round(box.y) : round(box.y + box.height), round(box.x) : round(box.x + box.width)]
    assert inside.size == 100_000 and not inside.any()


def test_a_tesseract_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tesseract").write_text("#!/bin/sh\nexec sleep 30\n")
    (tmp_path / "tesseract").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    async def prepared_for(turns: int) -> Prepared:
        return prepare(PAGE, turns)

    with pytest.raises(Unreadable, match=r"more than 0\.2 s"):
        anyio.run(read_page, prepared_for, "eng", 0.2)
