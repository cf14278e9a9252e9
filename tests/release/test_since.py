"""The files that changed since a version was set, as git tells it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from slipway.release.since import GIT_OPTIONS, Git, Start, changes_since, start_of

pytestmark = pytest.mark.process
PLACES = (".env", ".env.example", "Dockerfile")


def git_of(root: Path) -> Git:
    def git(*words: str) -> str | None:
        done = subprocess.run(["git", "-C", root, *GIT_OPTIONS, *words], capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else None

    return git


def commit(root: Path, **files: str) -> str:
    """Commit the files, with ``__`` for a slash in their names. Return the commit."""
    for name, text in files.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    subprocess.run(["git", "-C", root, "add", "-A"], check=True)
    subprocess.run(["git", "-C", root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"], check=True)
    return (git_of(root)("rev-parse", "HEAD") or "").strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", tmp_path / "all"], check=True)
    folder = tmp_path / "all/repository"
    folder.mkdir()
    return folder


def test_a_version_begins_with_the_commit_that_set_it_or_with_its_tag(root: Path) -> None:
    git = git_of(root)
    commit(root, Dockerfile="ARG BASE_VERSION=v0.1.0\nFROM x\n")
    second = commit(root, Dockerfile="ARG BASE_VERSION='v0.1.1'\nFROM x\n")
    commit(root, apps__Dockerfile="ARG BASE_VERSION=v0.1.1\nFROM x\n")
    commit(root, Dockerfile="ARG BASE_VERSION=v0.1.10\nFROM x\n")
    said = f"commit {second[:7]}, which set v0.1.1"
    assert start_of("v0.1.1", PLACES, git) == Start(second, said)
    assert start_of("v0.1", PLACES, git) == Start("", "no tag and no commit names the version")
    git("tag", "v0.1.1")
    assert start_of("v0.1.1", PLACES, git).said == "tag v0.1.1"


def test_an_incomplete_history_names_no_commit(root: Path, tmp_path: Path) -> None:
    commit(root, Dockerfile="ARG BASE_VERSION=v1\nFROM x\n")
    commit(root, other="1")
    url = f"file://{root.parent}"
    subprocess.run(["git", "clone", "-q", "--depth", "1", url, tmp_path / "shallow"], check=True)
    start = start_of("v1", PLACES, git_of(tmp_path / "shallow/repository"))
    assert start == Start("", "git's history is not complete here (git fetch --unshallow --tags)")


def test_a_folder_without_git_names_no_commit(tmp_path: Path) -> None:
    assert start_of("v1", PLACES, git_of(tmp_path)) == Start("", "this is not a git repository")


def test_changes_are_those_of_the_paths_from_the_repositorys_root(root: Path) -> None:
    first = commit(root, a="1", b="1", **{"lib__kit.py": "1", "lib__old.py": "1", "other__x": "1", "[a]": "1"})
    commit(root, a="2", b="2", other__x="2")
    (root / "lib/old.py").unlink()
    (root / "lib/new.py").write_text("")
    (root / "lib/kit.py").chmod(0o755)
    found = changes_since(Start(first, ""), ["a", "lib", "[a]"], git_of(root))
    assert found is not None
    assert [str(one) for one in found] == ["a changed", "lib/kit.py changed", "lib/new.py added", "lib/old.py removed"]
