"""Changes of a tree that travel with the job: the build host makes the same tree as rsync would."""

from __future__ import annotations

import hashlib
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.hosts.remote.file_manifest import FileManifest, SyncEntry
from slipway.hosts.remote.scripts import script
from slipway.hosts.remote.tree_changes import SentTree, TreeChanges

pytestmark = pytest.mark.process

#: Path → content of a file, or a target after ``->``, or the mode of a folder.
Files = Mapping[str, str]


def write(root: Path, files: Files) -> FileManifest:
    """Replace the files below ``root``, and return the manifest of all."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for path, said in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if said.startswith("->"):
            place.symlink_to(said.removeprefix("->"))
        elif said in ("755", "700"):
            place.mkdir(exist_ok=True)
            place.chmod(int(said, 8))
        else:
            place.write_text(said)
            place.chmod(0o755 if "run" in said else 0o644)
    return FileManifest(root, {str(path.relative_to(root)): entry(path) for path in sorted(root.rglob("*"))})


def entry(path: Path) -> SyncEntry:
    mode = f"{stat.S_IMODE(path.lstat().st_mode):o}"
    if path.is_symlink():
        return SyncEntry("l", "777", str(path.readlink()))
    if path.is_dir():
        return SyncEntry("d", mode)
    return SyncEntry("f", mode, hashlib.sha256(path.read_bytes()).hexdigest())


def patched(project: Path, changes: TreeChanges, *, whole: bool = False) -> str:
    """Run ``patch.sh`` for the run ``new``, with a command that prints the rest of stdin."""
    folder = project / "runs/new"
    folder.mkdir(parents=True, exist_ok=True)
    if whole:
        (folder / "whole").touch()
    sizes = (str(len(changes.removed)), str(len(changes.archive)))
    command = script("patch", str(folder), changes.since, *sizes, "cat")
    stdin = changes.removed + changes.archive + b"the job"
    done = subprocess.run(command.argv, input=stdin, capture_output=True, timeout=30, check=True)
    return done.stdout.decode()


def listing(folder: Path) -> str:
    argv = script("listing", str(folder)).argv
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout.strip()


def made_from(before: Files, after: Files, home: Path) -> None:
    """Send ``before``, change it to ``after``, and see that the host makes the same tree by the changes."""
    sent, here, there = SentTree(home / "sent/x"), home / "here", home / "there"
    first = write(here, before)
    sent.keep("old", first)
    (there / "runs/old").mkdir(parents=True)
    shutil.copytree(here, there / "runs/old/tree", symlinks=True)
    (there / "runs/old/whole").touch()
    second = write(here, after)
    changes = sent.changes(second)
    assert changes and changes.since == "old"
    for _ in range(2):  # a client whose connection was lost calls again
        assert patched(there, changes) == "the job"
        assert listing(there / "runs/new/tree") == second.listed
    assert listing(there / "runs/old/tree") == first.listed, "the earlier tree stays as it was"


NAMES = st.sampled_from(["a", "b", "-rf", "new\nline", "tab\t", " ", "ä", "d/a", "d/b", "d/e/a", "d", "a/b", "d/e"])
CONTENTS = st.sampled_from(["", "one", "two", "run me", "->a", "->../b", "755", "700"])


def is_tree(files: Files) -> bool:
    """Tell whether only folders have something below them."""
    folders = {str(parent) for path in files for parent in Path(path).parents} - {"."}
    return all(files.get(folder, "755") in ("755", "700") for folder in folders)


TREES = st.dictionaries(NAMES, CONTENTS, max_size=6).filter(is_tree)


@settings(max_examples=60, deadline=None)
@given(before=TREES, after=TREES)
def test_the_host_makes_the_tree_from_any_other(before: Files, after: Files) -> None:
    with TemporaryDirectory() as home:
        made_from(before, after, Path(home))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": "one"}, {"a": "two"}),
        ({"a": "one"}, {"a": "->b", "b": "one"}),
        ({"d": "755", "d/a": "one"}, {"d": "700", "d/a": "one"}),
        ({"d/a": "one", "d/b": "two"}, {"d": "a file now"}),
        ({"d": "->e", "e/a": "one"}, {"d/a": "one", "e/a": "one"}),
        ({"a": "one"}, {}),
        ({}, {"-rf": "one", "new\nline": "two", "tab\t": "run"}),
    ],
)
def test_the_host_makes_the_tree_from_an_earlier_one(before: Files, after: Files, tmp_path: Path) -> None:
    made_from(before, after, tmp_path)


def test_files_that_stay_are_linked_and_their_times_travel(tmp_path: Path) -> None:
    made_from({"a": "one", "b": "two"}, {"a": "one", "b": "other"}, tmp_path)
    old, new = tmp_path / "there/runs/old/tree", tmp_path / "there/runs/new/tree"
    assert (old / "a").stat().st_ino == (new / "a").stat().st_ino
    assert (new / "b").stat().st_mtime_ns == (tmp_path / "here/b").stat().st_mtime_ns


def test_a_tree_that_was_compared_is_not_changed(tmp_path: Path) -> None:
    sent, here = SentTree(tmp_path / "sent"), tmp_path / "here"
    sent.keep("old", write(here, {"a": "one"}))
    changes = sent.changes(write(here, {"a": "two"}))
    assert changes
    tree = tmp_path / "there/runs/new/tree"
    tree.mkdir(parents=True)
    (tree / "file").touch()
    assert patched(tmp_path / "there", changes, whole=True) == "the job"
    assert [path.name for path in tree.iterdir()] == ["file"]


@pytest.mark.parametrize("gone", ["", "tree", "whole"])
def test_a_host_without_the_earlier_tree_makes_another(tmp_path: Path, gone: str) -> None:
    """The comparison before the job finds it."""
    sent, here = SentTree(tmp_path / "sent"), tmp_path / "here"
    sent.keep("old", write(here, {"a": "one", "b": "two"}))
    old = tmp_path / "there/runs/old"
    for name in {"tree", "whole"} - {gone} if gone else ():
        (old / name).mkdir(parents=True)
    second = write(here, {"a": "one", "b": "changed"})
    changes = sent.changes(second)
    assert changes and patched(tmp_path / "there", changes) == "the job"
    assert listing(tmp_path / "there/runs/new/tree") != second.listed


def test_a_job_whose_files_have_not_arrived_is_stopped(tmp_path: Path) -> None:
    """The command that makes the run's folder, its files and its job may still be on its way."""
    job = tmp_path / "runs/new/jobs/1"
    for known in (False, True):
        if known:
            (tmp_path / "runs").mkdir()
        subprocess.run(script("stop", str(job)).argv, check=True, timeout=30)
        assert (job / "stopped").exists() is known


def test_large_changes_are_left_to_rsync(tmp_path: Path) -> None:
    sent, here = SentTree(tmp_path / "sent"), tmp_path / "here"
    sent.keep("old", write(here, {}))
    assert sent.changes(write(here, {"a": "x" * 100_000}))
    assert sent.changes(write(here, {"a": "x" * 100_000, "b": "x" * 100_000})) is None


@pytest.mark.parametrize("kept", [None, b"", b"old", b"old\0./a", b"old\0./a\0"])
def test_an_unknown_tree_is_left_to_rsync_or_is_empty(tmp_path: Path, kept: bytes | None) -> None:
    sent, here = SentTree(tmp_path / "sent"), tmp_path / "here"
    if kept is not None:
        sent.file.write_bytes(kept)
    changes = sent.changes(write(here, {"a": "one"}))
    assert changes is None or (changes.since in ("", "old") and changes.archive)


def test_a_manifest_that_cannot_be_kept_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sent = SentTree(tmp_path / "file/sent/x")
    sent.keep("old", write(tmp_path / "here", {"a": "one"}))
    assert sent.changes(write(tmp_path / "here", {"a": "two"})) is None


def test_hosts_and_projects_have_places_of_their_own(tmp_path: Path) -> None:
    places = {SentTree.of(tmp_path, *names).file for names in (("a", "b"), ("a", "c"), ("b", "b"), ("ab", ""))}
    assert len(places) == 4 and all(place.parent == tmp_path / ".slipway/sent" for place in places)
