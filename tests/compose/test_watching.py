"""Watch exactly the folders whose entries enter an image."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from slipway.compose.watching import Watcher, folders_of_mounts, watched_folders
from slipway.core.image import Image
from slipway.hosts.host import MountKind, MountSource
from slipway.stack.digest import Manifest
from slipway.stack.entries import Encoded, FileEntry, Kind


def test_the_folders_of_files_trees_and_dockerfiles_are_watched() -> None:
    image = Image("svc-a", "apps/svc_a/Dockerfile", context=".")
    inner = Image("svc-b", "apps/svc_b/Dockerfile", context="apps/svc_b")
    files = {
        "libs/requirements.txt": FileEntry(Kind.FILE, 0o644, "aa"),
        "apps/svc_a/src": FileEntry(Kind.TREE, 0o755, "tree-1"),
        "link": FileEntry(Kind.FILE, 0o644, "bb", via="shared/real.txt"),
    }
    trees = {"tree-1": {"main.py": Encoded("x"), "deep/er/more.py": Encoded("x")}}
    manifests = {
        "svc-a": Manifest("FROM x", files),
        "svc-b": Manifest("FROM x", {"main.py": FileEntry(Kind.FILE, 0o644, "cc")}),
    }
    assert watched_folders([image, inner], manifests, trees) == {
        "apps/svc_a",
        "libs",
        "apps/svc_a/src",
        "apps/svc_a/src/deep/er",
        "shared",
        "apps/svc_b",
    }


def test_the_folders_of_copied_files_are_watched(tmp_path: Path) -> None:
    for path in ("shelf/deep/pin", "shelf/.git/HEAD", "beside/pin"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    sources = [MountSource(str(tmp_path / path), MountKind.BIND) for path in ("shelf", "beside/pin", "absent/pin")]
    found = {Path(folder).relative_to(tmp_path).as_posix() for folder in folders_of_mounts(sources)}
    assert found == {"shelf", "shelf/deep", "beside", "absent"}


@pytest.mark.parametrize("poll", [False, True], ids=["events", "polls"])
def test_a_change_from_before_the_wait_counts_and_other_folders_do_not(tmp_path: Path, poll: bool) -> None:
    for folder in ("watched", "watched/deeper", "ignored"):
        (tmp_path / folder).mkdir()
    with Watcher(tmp_path, ["watched", "absent"], poll=poll) as watcher:
        assert watcher.polls is poll
        (tmp_path / "ignored/x").write_text("x")
        (tmp_path / "watched/deeper/x").write_text("x")
        later = threading.Timer(1.2 if poll else 0.0, (tmp_path / "watched/x").write_text, ["x"])
        later.start()
        changed = watcher.wait()
        later.join()
    assert str(tmp_path / "watched/x") in changed
    assert not [path for path in changed if "ignored" in path or path.endswith("deeper/x")]
