"""The commit that ``--since`` names, in clones as CI systems make them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from slipway.core.command import Command, Result
from slipway.core.errors import PrerequisiteError, UsageError
from slipway.hosts.runner import run
from slipway.release.revision import Ask, Revision, check_out, find_revision
from slipway.release.since import GIT_OPTIONS
from tests.tasks.monorepo import Monorepo

pytestmark = pytest.mark.process
ZEROS = "0" * 40


def ask_in(root: Path) -> Ask:
    def ask(*words: str, env: dict[str, str] | None = None) -> Result:
        return run(Command(("git", *GIT_OPTIONS, *words), cwd=str(root), env=env or {}))

    return ask


@pytest.fixture
def repo(tmp_path: Path) -> Monorepo:
    """main has a second commit since ``topic`` left it, and topic has one of its own."""
    made = Monorepo.begin(_folder(tmp_path / "origin"))
    made.git("checkout", "-q", "-b", "topic")
    made.write("topic", "1")
    made.commit()
    made.git("checkout", "-q", "main")
    made.write("main", "1")
    made.commit()
    made.git("checkout", "-q", "topic")
    return made


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def clone(repo: Monorepo, folder: Path, *words: str) -> Ask:
    """Return git in a clone of the repository, on the branch topic."""
    subprocess.run(["git", "clone", "-q", *words, f"file://{repo.root}", folder], check=True)
    return ask_in(folder)


def refused(ref: str, ask: Ask) -> UsageError:
    with pytest.raises(UsageError) as told:
        find_revision(ref, ask)
    return told.value


def test_a_branch_a_commit_and_a_merge_base(repo: Monorepo) -> None:
    ask = ask_in(repo.root)
    first, main = repo.git("rev-parse", "topic^"), repo.git("rev-parse", "main")
    assert find_revision("main", ask) == Revision("main", main)
    assert find_revision(main[:9], ask).commit == main
    assert find_revision("HEAD^", ask).commit == first
    for ref in ("main...", "main...HEAD", "main...topic"):
        assert find_revision(ref, ask) == Revision(ref, first)
    assert str(Revision("main...", first)) == f"main... ({first[:7]})"
    assert str(Revision(first, first)) == first[:7]


def test_zeros_stand_for_no_earlier_commit(repo: Monorepo) -> None:
    assert find_revision(ZEROS, ask_in(repo.root)) == Revision(ZEROS, "")


def test_the_default_is_the_merge_base_with_origins_default_branch(repo: Monorepo, tmp_path: Path) -> None:
    first = repo.git("rev-parse", "topic^")
    repo.git("checkout", "-q", "main")
    ask = clone(repo, tmp_path / "clone", "--branch", "topic")
    assert find_revision("", ask) == Revision("origin/HEAD...", first)
    ask("remote", "set-head", "origin", "--delete")
    assert find_revision("", ask) == Revision("origin/main...", first)
    assert refused("", ask_in(repo.root)).hint == "invoke ci-matrix --since HEAD^"


@pytest.mark.fault("P80")
def test_an_unknown_commit_names_the_way_to_it(repo: Monorepo, tmp_path: Path) -> None:
    ask = clone(repo, tmp_path / "clone", "--branch", "topic")
    error = refused("main", ask)
    assert (error.code, error.message, error.hint) == (
        "since-unknown",
        "--since main: git knows no such commit",
        "--since origin/main",
    )
    assert refused("release", ask).hint == "git fetch origin release"


@pytest.mark.fault("P80")
@pytest.mark.fault("P81")
def test_a_shallow_clone_names_the_fix(repo: Monorepo, tmp_path: Path) -> None:
    ask = clone(repo, tmp_path / "one", "--branch", "topic", "--depth", "1")
    error = refused(repo.git("rev-parse", "main"), ask)
    assert error.code == "since-unknown" and error.hint.startswith("git fetch --unshallow, or")
    ask = clone(repo, tmp_path / "all", "--branch", "topic", "--depth", "1", "--no-single-branch")
    error = refused("origin/main...", ask)
    assert error.code == "since-unrelated" and error.hint.startswith("git fetch --unshallow, or")
    assert ask("fetch", "-q", "--unshallow").ok
    assert find_revision("origin/main...", ask).commit == repo.git("rev-parse", "topic^")


@pytest.mark.fault("P81")
def test_commits_without_a_common_one(repo: Monorepo) -> None:
    repo.git("checkout", "-q", "--orphan", "island")
    repo.commit()
    error = refused("main...", ask_in(repo.root))
    assert (error.code, error.hint) == ("since-unrelated", "name a commit without ...")


@pytest.mark.parametrize("ref", ["main..topic", "--all", "..."])
def test_words_that_name_no_commit(repo: Monorepo, ref: str) -> None:
    assert refused(ref, ask_in(repo.root)).message == f"--since {ref}: not a commit"


def test_a_folder_without_git_and_a_machine_without_git(tmp_path: Path) -> None:
    assert "not a git repository" in refused("main", ask_in(tmp_path)).message
    with pytest.raises(PrerequisiteError, match="git: not found"):
        find_revision("main", lambda *words, env=None: Result(127))


def test_a_repository_of_another_user_names_gits_own_fix() -> None:
    said = "fatal: detected dubious ownership in repository at '/r'\nTo add …, call:\n\n\tgit config --global --add …"
    error = refused("main", lambda *words, env=None: Result(128, "", said))
    assert error.hint == "git config --global --add …"


def test_a_checkout_has_the_files_of_the_commit(repo: Monorepo, tmp_path: Path) -> None:
    repo.write(".gitattributes", "secret export-ignore\nsecret export-subst\n")
    repo.write("secret", "$Format:%H$")
    repo.write("run", "").chmod(0o755)
    (repo.root / "link").symlink_to("run")
    commit = repo.commit()
    (repo.root / "secret").unlink()
    repo.write("more", "")
    (repo.root / "run").chmod(0o700)
    root = check_out(Revision("x", commit), repo.root, _folder(tmp_path / "copy"), ask_in(repo.root))
    assert sorted(path.name for path in root.iterdir()) == [
        ".gitattributes",
        ".gitignore",
        "link",
        "run",
        "secret",
        "tasks.py",
        "topic",
    ]
    assert (root / "secret").read_text() == "$Format:%H$"
    assert ((root / "run").stat().st_mode & 0o777, (root / "link").is_symlink()) == (0o700, True)
