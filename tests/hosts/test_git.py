"""The files that git tracks, as git itself tells."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from slipway.core.command import Command, Result
from slipway.core.streams import OnLine
from slipway.hosts.git import tracked_files
from slipway.hosts.runner import run

ODD = ["a*.key", "b\nc.key", ":(top)d.key", "é.pem", "-e.key"]


def silent(note: str) -> None:
    raise AssertionError(f"it said: {note}")


def absent(command: Command, on_line: OnLine | None = None, timeout: float | None = None) -> Result:
    return Result(127, "", f"{command.argv[0]}: not found")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=folder, check=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository that tracks ``apps/.env``, ``x.key`` and the odd names, and not ``abc.key``."""
    (tmp_path / "apps").mkdir()
    for path in ("apps/.env", "x.key", "abc.key", "d.key", *ODD):
        (tmp_path / path).write_text("x")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "--literal-pathspecs", "add", "--", "apps/.env", "x.key", *ODD)
    return tmp_path


@pytest.mark.process
@pytest.mark.fault("X04")
def test_only_the_tracked_files_are_returned(checkout: Path) -> None:
    asked = ["apps/.env", "x.key", "abc.key", "d.key", "none.key", "../x.key", ".git/HEAD", *ODD]
    assert tracked_files(run, checkout, silent, asked) == {"apps/.env", "x.key", *ODD}
    assert tracked_files(run, checkout / "apps", silent, [".env", "x.key", "../x.key"]) == {".env"}


@pytest.mark.process
def test_many_paths_take_several_commands(checkout: Path) -> None:
    asked = [f"{number}/x.key" for number in range(450)]
    assert tracked_files(run, checkout, silent, ["x.key", *asked]) == {"x.key"}


@pytest.mark.process
def test_a_deleted_index_tracks_nothing(checkout: Path) -> None:
    (checkout / ".git/index").unlink()
    assert tracked_files(run, checkout, silent, ["x.key"]) == frozenset()


@pytest.mark.process
def test_the_reason_of_a_git_that_fails_is_a_note(checkout: Path) -> None:
    (checkout / ".git/HEAD").unlink()
    notes: list[str] = []
    assert tracked_files(run, checkout, notes.append, ["x.key"]) == frozenset()
    (note,) = notes
    assert note.startswith("git does not tell which files it tracks: fatal: not a git repository")
    assert tracked_files(absent, checkout, notes.append, ["x.key"]) == frozenset()
    assert notes[1:] == ["git does not tell which files it tracks: git: not found"]


def nobody(command: Command, on_line: OnLine | None = None, timeout: float | None = None) -> Result:
    raise AssertionError(f"a process was started: {command}")


def test_no_git_is_started_without_a_repository_or_without_a_question(tmp_path: Path) -> None:
    assert tracked_files(nobody, tmp_path, silent, ["x.key"]) == frozenset()
    (tmp_path / ".git").mkdir()
    assert tracked_files(nobody, tmp_path, silent, []) == frozenset()
    assert tracked_files(nobody, tmp_path, silent, ["../x.key"]) == frozenset()
