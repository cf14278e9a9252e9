"""The commit of a repository, from the words that git answers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from slipway.audit.source import Git, Source, read_source

COMMIT = "5" * 40


def git(url: str = "", status: str = "", commit: str = COMMIT) -> Git:
    said = {"rev-parse": f"{commit}\n" if commit else None, "config": f"{url}\n" if url else None, "status": status}
    return lambda word, *more: said[word]


def test_a_clean_checkout_has_a_commit() -> None:
    assert read_source(git("https://example.org/acme/shop.git")) == Source(COMMIT, "https://example.org/acme/shop.git")


def test_changed_files_make_it_dirty() -> None:
    assert read_source(git(status=" M tasks.py\n")) == Source(COMMIT, dirty=True)


def test_a_folder_without_a_commit_has_no_source() -> None:
    assert read_source(git("https://example.org/x", commit="")) == Source()


@pytest.mark.fault("X50")
@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://ann:c4n4ry@example.org/x.git", "https://example.org/x.git"),
        ("https://ghp_c4n4ry@example.org/x.git", "https://example.org/x.git"),
        ("ssh://git@example.org/x.git", "ssh://git@example.org/x.git"),
        ("git@example.org:acme/x.git", "ssh://git@example.org/acme/x.git"),
        ("/srv/git/x.git", ""),
        ("", ""),
    ],
)
def test_the_url_of_the_remote_has_no_login(remote: str, url: str) -> None:
    assert read_source(git(remote)).url == url


@pytest.mark.process
def test_git_itself_names_the_commit(tmp_path: Path) -> None:
    def git(*words: str) -> str | None:
        user = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *user, *words], cwd=tmp_path, capture_output=True, text=True)
        return None if done.returncode else done.stdout

    git("init", "--quiet")
    assert read_source(git) == Source()
    git("commit", "--quiet", "--allow-empty", "--message", "one")
    git("remote", "add", "origin", "git@example.org:acme/x.git")
    found = read_source(git)
    assert (len(found.commit), found.url, found.dirty) == (40, "ssh://git@example.org/acme/x.git", False)
    (tmp_path / "new.txt").touch()
    assert read_source(git).dirty
