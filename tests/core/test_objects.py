"""JSON that other programs wrote, read without trust."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.core.objects import find_object, parse_object, part, read_object


@pytest.mark.parametrize("text", ["", "no JSON", "[1]", "null", '"text"', b"\xff\xfe\xfa", "{"])
def test_anything_but_an_object_is_an_empty_one(text: str | bytes, tmp_path: Path) -> None:
    assert find_object(text) is None
    assert parse_object(text) == {}
    file = tmp_path / "config.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert read_object(file) == {}


def test_an_object_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"auths": {"a": {}}, "empty": null}')
    assert find_object("{}") == {}
    assert read_object(file) == {"auths": {"a": {}}, "empty": None}
    assert part(read_object(file), "auths") == {"a": {}}
    assert part(read_object(file), "empty") == part(read_object(file), "none") == {}


def test_a_missing_file_is_an_empty_object(tmp_path: Path) -> None:
    assert read_object(tmp_path / "none") == read_object(tmp_path) == {}
