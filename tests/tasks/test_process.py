"""The process while a task runs: what a stream with few letters shows."""

from __future__ import annotations

import io
import sys

import pytest

from slipway.tasks.process import ours

LINE = "\N{BOX DRAWINGS LIGHT UP AND RIGHT}\N{BOX DRAWINGS LIGHT HORIZONTAL} caf\xe9 \xb7 1 \N{RIGHTWARDS ARROW} 2"


@pytest.mark.fault("U34")
@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "`- caf\\xe9 - 1 -> 2"), ("latin-1", "`- caf\xe9 \xb7 1 -> 2"), ("utf-8", LINE)],
)
def test_our_marks_have_equals_in_every_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    with ours(keep=False):
        print(LINE, flush=True)
    assert raw.getvalue().decode(encoding) == shown + "\n"
