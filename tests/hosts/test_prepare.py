"""The script that creates a run's folder on a build host, and then becomes rsync."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from slipway.hosts.remote.scripts import script

pytestmark = pytest.mark.process


def prepare(project: Path, line: str = "true", keep: int = 3) -> subprocess.CompletedProcess[str]:
    command = script("prepare", str(project), "new", str(keep), line, "svc-tree-0a", "../tree/apps/svc")
    return subprocess.run(command.argv, input="sent", capture_output=True, text=True, timeout=30)


def older(project: Path, number: int, *, whole: bool = True) -> None:
    """Create a run; those with a greater number are older."""
    folder = project / f"runs/old-{number}"
    (folder / "tree").mkdir(parents=True)
    (folder / "tree/file").write_text(f"{number}")
    if whole:
        (folder / "whole").touch()
    os.utime(folder, (1_000_000 - number, 1_000_000 - number))


def earlier(project: Path) -> list[str]:
    folders = sorted((project / "runs/new/earlier").iterdir())
    assert [folder.name for folder in folders] == ["1", "2", "3"]
    return [(folder / "file").read_text() if (folder / "file").exists() else "" for folder in folders]


def test_a_run_has_its_folders_before_the_command_runs(tmp_path: Path) -> None:
    done = prepare(tmp_path, "cd runs/new && ls && readlink context/* && cat")
    assert done.stdout.split() == ["context", "contexts", "earlier", "jobs", "tree", "../tree/apps/svc", "sent"]
    assert (done.returncode, done.stderr) == (0, "")


def test_a_first_run_has_no_earlier_tree(tmp_path: Path) -> None:
    assert prepare(tmp_path).returncode == 0
    assert earlier(tmp_path) == ["", "", ""]


def test_earlier_trees_are_those_that_were_compared_newest_first(tmp_path: Path) -> None:
    older(tmp_path, 2)
    older(tmp_path, 1, whole=False)
    older(tmp_path, 3)
    for _ in range(2):  # a client whose connection was lost calls again
        assert prepare(tmp_path).returncode == 0
        assert earlier(tmp_path) == ["2", "3", ""]


def test_an_earlier_tree_that_another_client_removes_stops_nothing(tmp_path: Path) -> None:
    older(tmp_path, 1)
    shutil.rmtree(tmp_path / "runs/old-1/tree")
    done = prepare(tmp_path, "echo ran")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", "")
    assert earlier(tmp_path) == ["", "", ""]
    assert (tmp_path / "runs/new/earlier/1").is_symlink()


def test_runs_that_are_not_kept_are_gone_before_the_command_runs(tmp_path: Path) -> None:
    for number in range(1, 6):
        older(tmp_path, number)
    done = prepare(tmp_path, "ls runs")
    assert done.stdout.split() == ["new", "old-1", "old-2", "old-3"]
    assert earlier(tmp_path) == ["1", "2", "3"]


def test_a_project_that_cannot_be_made_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = prepare(tmp_path / "file", "echo ran")
    assert done.returncode != 0 and done.stdout == "" and "file" in done.stderr
