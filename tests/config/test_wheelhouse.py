"""Several find-links folders as one wheelhouse, which stays the same while its packages do."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from slipway.config.wheelhouse import join, keep
from slipway.core.errors import UsageError
from slipway.stack.worktree import StatCache, Worktree

#: Longer than the time within which slipway does not trust a file's ctime.
SETTLED = 0.06


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    (one / "a-1-py3-none-any.whl").write_text("a of one")
    (two / "a-1-py3-none-any.whl").write_text("a of two")
    (two / "b-1.tar.gz").write_text("b")
    (two / "c-1.zip").write_text("c")
    (two / "README").write_text("stays")
    (two / "d-1-py3-none-any.whl").mkdir()
    return one, two


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


JOINED = {"a-1-py3-none-any.whl": "a of one", "b-1.tar.gz": "b", "c-1.zip": "c"}


def test_several_folders_are_joined_and_the_first_wins(folders: tuple[Path, Path], tmp_path: Path) -> None:
    into = tmp_path / "into"
    assert join(folders, into) == into
    assert contents(into) == JOINED
    assert (into / "b-1.tar.gz").samefile(folders[1] / "b-1.tar.gz")


def test_the_same_packages_are_the_same_folder(folders: tuple[Path, Path], home: Path) -> None:
    kept = keep(folders, home)
    assert contents(kept) == JOINED
    before = {path: path.stat() for path in kept.iterdir()}
    assert keep(folders, home) == kept
    assert {path: path.stat() for path in kept.iterdir()} == before
    assert [folder.name for folder in home.iterdir()] == [kept.parent.name]


def test_another_package_is_another_folder_and_the_first_stays(folders: tuple[Path, Path], home: Path) -> None:
    kept = keep(folders, home)
    (folders[0] / "e-1-py3-none-any.whl").write_text("e")
    later = keep(folders, home)
    assert contents(later) == {**JOINED, "e-1-py3-none-any.whl": "e"}
    assert contents(kept) == JOINED


def test_a_package_that_is_replaced_under_its_old_size_and_time_is_noticed(
    folders: tuple[Path, Path], home: Path
) -> None:
    kept = keep(folders, home)
    wheel = folders[1] / "b-1.tar.gz"
    stamp = wheel.stat()
    wheel.unlink()
    wheel.write_text("B")
    os.utime(wheel, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert contents(keep(folders, home)) == {**JOINED, "b-1.tar.gz": "B"}
    assert contents(kept) == JOINED


def test_a_folder_that_is_gone_is_named(folders: tuple[Path, Path], home: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"find-links .*/gone: cannot be read: No such file"):
        keep((*folders, tmp_path / "gone"), home)
    assert not list(home.iterdir())


def test_packages_are_hashed_once(
    folders: tuple[Path, Path], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = os.open

    def opened(path: str, flags: int, *more: int) -> int:
        if str(path).endswith((".whl", ".tar.gz", ".zip")):
            read.append(Path(path).name)
        return real(path, flags, *more)

    monkeypatch.setattr(os, "open", opened)
    for hashed in (sorted(JOINED), []):
        kept = keep(folders, home)
        time.sleep(SETTLED)
        cache = StatCache(tmp_path / "hashes.json")
        Worktree(tmp_path, cache).read_folder(kept)
        cache.save()
        assert sorted(read) == hashed
        read.clear()
