"""The files of a new version: all are written, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.core.errors import UnwritableError
from slipway.release.rewrite import Edit
from slipway.release.writing import reading, write_edits


def test_a_file_keeps_its_mode_its_link_and_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/Dockerfile").write_bytes(b"\xef\xbb\xbfFROM x:v1\r\n# \xff\r\n")
    (tmp_path / "shared/Dockerfile").chmod(0o640)
    (tmp_path / "Dockerfile").symlink_to("shared/Dockerfile")
    before = reading(tmp_path)("Dockerfile")
    assert before is not None
    write_edits(tmp_path, [Edit("Dockerfile", before, before.replace("v1", "v10")), Edit(".env", "", "A=1\n")])
    assert (tmp_path / "Dockerfile").is_symlink()
    assert (tmp_path / "shared/Dockerfile").read_bytes() == b"\xef\xbb\xbfFROM x:v10\r\n# \xff\r\n"
    assert (tmp_path / "shared/Dockerfile").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / ".env").read_text() == "A=1\n"


def test_a_shorter_text_leaves_nothing_of_the_longer_one(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=10\n")
    write_edits(tmp_path, [Edit(".env", "A=10\n", "A=9\n")])
    assert (tmp_path / ".env").read_text() == "A=9\n"


@pytest.mark.fault("P21")
def test_no_file_changes_when_one_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("A=1\n")
    (tmp_path / "c").write_text("C=1\n")
    texts = {"a": ("A=1\n", "A=2\n"), ".env": ("", "B=2\n"), "gone/b": ("B", "C"), "c": ("C=1\n", "C=2\n")}
    with pytest.raises(UnwritableError) as caught:
        write_edits(tmp_path, [Edit(path, *pair) for path, pair in texts.items()])
    assert str(tmp_path / "gone/b") in caught.value.message
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "A=1\n", "c": "C=1\n"}


def test_a_missing_file_has_no_text(tmp_path: Path) -> None:
    assert reading(tmp_path)(".env") is None
