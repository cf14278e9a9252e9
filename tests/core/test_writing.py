"""A file is replaced whole or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from slipway.core.writing import replaced

_TEXTS = ("a" * 100_000, "b" * 100_000)


@pytest.mark.parametrize("raised", [KeyboardInterrupt, OSError, SystemExit])
def test_a_failed_replacement_keeps_the_old_file_and_leaves_no_other(
    tmp_path: Path, raised: type[BaseException]
) -> None:
    path = tmp_path / "plan.json"
    path.write_text("old")
    with pytest.raises(raised), replaced(path) as scratch:
        scratch.write_text("half")
        raise raised
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"plan.json": "old"}


def test_threads_may_replace_a_file_together(tmp_path: Path) -> None:
    path = tmp_path / "layer.json"

    def replace(text: str) -> None:
        with replaced(path) as scratch:
            scratch.write_text(text)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(replace, _TEXTS * 50))
    assert path.read_text() in _TEXTS
    assert [file.name for file in tmp_path.iterdir()] == ["layer.json"]
