"""The repository is found from the current folder upwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.config.root import find_root
from slipway.core.errors import UsageError


@pytest.mark.parametrize(
    "parts",
    [
        ("pyproject.toml", "apps/"),
        ("pyproject.toml", "infra/docker/"),
        (".git", "apps/"),
        (".git/", "infra/docker/"),
        ("slipway.toml",),
        ("pyproject.toml=[tool.slipway.images]",),
    ],
    ids=" ".join,
)
def test_a_root_and_its_folders_below(tmp_path: Path, parts: tuple[str, ...]) -> None:
    root, below = tmp_path / "repository", tmp_path / "repository/one/two"
    below.mkdir(parents=True)
    make(root, *parts)
    assert find_root(root) == find_root(below) == root
    assert find_root(tmp_path / "elsewhere", below) == root, "a folder without a repository, then one with it"


@pytest.mark.parametrize(
    "parts", [(), ("pyproject.toml",), (".git/",), ("apps/",), ("slipway.toml/", "apps")], ids=repr
)
def test_no_root(tmp_path: Path, parts: tuple[str, ...]) -> None:
    make(tmp_path, *parts)
    with pytest.raises(UsageError) as caught:
        find_root(tmp_path)
    assert str(caught.value) == (
        f"error: {tmp_path}: no slipway repository in this folder or above\n"
        "hint:  invoke init shows the images of this folder, and writes the slipway.toml that a repository has"
    )


def test_the_nearest_root(tmp_path: Path) -> None:
    make(tmp_path, "slipway.toml", "apps/")
    inner = tmp_path / "apps/inner"
    inner.mkdir()
    assert find_root(inner) == tmp_path
    make(inner, "pyproject.toml", "apps/")
    assert find_root(inner) == inner


def make(folder: Path, *parts: str) -> None:
    for part in parts:
        if part.endswith("/"):
            (folder / part).mkdir(parents=True)
        else:
            file, _, text = part.partition("=")
            (folder / file).write_text(text)
