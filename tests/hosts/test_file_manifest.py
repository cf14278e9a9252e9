"""The files to send: exactly those that images read, listed as the build host's own tools list them."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.config.settings import load
from slipway.core.command import Command, Result
from slipway.core.errors import SyncError
from slipway.core.image import LocalImage
from slipway.hosts.remote.file_manifest import FileManifest, SyncEntry, context_to_sync, define, files_to_sync
from slipway.hosts.remote.sync import compared
from slipway.plan.facts import Snapshot, gather_facts
from slipway.plan.repository import read_repository
from slipway.registry import Registry
from slipway.stack.entries import Encoded, FileEntry, Kind
from slipway.stack.worktree import Worktree
from slipway.testing.fakes import HASTE, FakeEngine

ROOT = "python:3.12-slim"
SERVICE = f"FROM {ROOT}\nCOPY apps/one/code /app/\nCOPY link/f.txt apps/one/main.py /app/\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "pyproject.toml": "",
        ".env": "OWNER=acme\n",
        "apps/one/Dockerfile": SERVICE,
        "apps/one/main.py": "print()\n",
        "apps/one/code/a b.py": "1\n",
        "apps/one/code/deep/er/x": "2\n",
        "apps/one/unread": "3\n",
        "apps/two/Dockerfile": f"FROM {ROOT}\nCOPY apps/two/only /\n",
        "apps/two/only": "4\n",
        "real/f.txt": "5\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "apps/one/code/empty").mkdir()
    (tmp_path / "apps/one/code/out").symlink_to("/etc/passwd")
    (tmp_path / "apps/one/code/a b.py").chmod(0o750)
    (tmp_path / "link").symlink_to("real")
    return tmp_path


def snapshot_of(root: Path) -> Snapshot:
    settings = load(root, environment={"REGISTRY": "127.0.0.1:1"})
    repository = read_repository(settings, Worktree(root), {})
    return gather_facts(
        repository, FakeEngine([LocalImage("sha256:1", (ROOT,))]), lambda: Registry("127.0.0.1:1", policy=HASTE)
    )


def copied(manifest: FileManifest, into: Path) -> Path:
    """As rsync does it: each entry by itself."""
    for path, entry in manifest.entries.items():
        target = into / path
        if entry.kind == "d":
            target.mkdir(exist_ok=True)
        elif entry.kind == "l":
            target.symlink_to((manifest.root / path).readlink())
        else:
            target.write_bytes((manifest.root / path).read_bytes())
        if entry.kind != "l":
            target.chmod(int(entry.mode, 8))
    return into


def locally(command: Command) -> Result:
    done = subprocess.run(command.argv, capture_output=True, timeout=30)
    return Result(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode())


def test_the_manifest_holds_exactly_the_files_an_image_reads(tree: Path) -> None:
    found = files_to_sync(snapshot_of(tree), ["one"]).entries
    assert set(found) == {
        *("apps", "apps/one", "apps/one/Dockerfile", "apps/one/main.py", "apps/one/code", "apps/one/code/a b.py"),
        *("apps/one/code/deep", "apps/one/code/deep/er", "apps/one/code/deep/er/x", "apps/one/code/empty"),
        *("apps/one/code/out", "link", "real", "real/f.txt"),
    }
    assert found["apps/one/code/out"] == SyncEntry("l", "777", "/etc/passwd")
    assert found["link"] == SyncEntry("l", "777", "real")
    assert found["apps/one/code/a b.py"].mode == "750"
    assert found["apps/one/code/empty"].kind == "d"


def test_a_file_that_several_images_read_is_sent_once(tree: Path) -> None:
    both = files_to_sync(snapshot_of(tree), ["one", "two"])
    assert {"apps/two/only", "apps/one/main.py"} <= set(both.entries)
    assert both.names.split(b"\0")[:-1] == [b"./" + os.fsencode(path) for path in both.entries]


@pytest.mark.fault("B51")
def test_the_content_of_a_linked_dockerfile_is_sent(tree: Path) -> None:
    (tree / "apps/one/Dockerfile").rename(tree / "real/Dockerfile.one")
    (tree / "apps/one/Dockerfile").symlink_to("../../real/Dockerfile.one")
    found = snapshot_of(tree)
    manifest = files_to_sync(found, ["one"], define(found, ["one"]))
    own = ".slipway/dockerfiles/one.Dockerfile"
    assert manifest.entries[own].content == hashlib.sha256(SERVICE.encode()).hexdigest()
    assert {own, f"{own}.dockerignore"} <= set(manifest.entries)
    assert "apps/one/Dockerfile" not in manifest.entries


def test_a_file_that_is_gone(tree: Path) -> None:
    found = snapshot_of(tree)
    (tree / "apps/two/Dockerfile").unlink()
    with pytest.raises(SyncError, match="Dockerfile: No such file"):
        files_to_sync(found, ["two"])


def point(there: Path, path: str, target: str) -> None:
    (there / path).unlink()
    (there / path).symlink_to(target)


CHANGES: dict[str, Callable[[Path], object]] = {
    "other bytes": lambda there: (there / "real/f.txt").write_text("6\n"),
    "one more": lambda there: (there / "more").write_text(""),
    "one less": lambda there: (there / "real/f.txt").rename(there / "real/g.txt"),
    "another mode": lambda there: os.chmod(there / "real/f.txt", 0o600),  # noqa: PTH101
    "a folder's mode": lambda there: os.chmod(there / "apps/one/code", 0o700),  # noqa: PTH101
    "another target": lambda there: point(there, "link", "./real"),
    "a link instead": lambda there: point(there, "real/f.txt", "5"),
}


@pytest.mark.process
@pytest.mark.parametrize("change", CHANGES)
def test_the_listing_there_notices(tree: Path, tmp_path_factory: pytest.TempPathFactory, change: str) -> None:
    manifest = files_to_sync(snapshot_of(tree), ["one"])
    there = copied(manifest, tmp_path_factory.mktemp("there"))
    assert compared(manifest, str(there), locally)
    CHANGES[change](there)
    assert not compared(manifest, str(there), locally)


@pytest.mark.process
def test_odd_names_are_listed_alike(tmp_path_factory: pytest.TempPathFactory) -> None:
    here, there = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    names = [b"new\nline", b"-rf", b"bad\377", b"a\\b", b"tab\t", b"'\"$(x)", "ä".encode(), b"~", b" "]
    listing: dict[str, Encoded] = {}
    for name in names:
        (here / os.fsdecode(name)).write_bytes(name)
        digest = subprocess.run(["sha256sum"], input=name, capture_output=True, check=True).stdout.split()[0]
        listing[os.fsdecode(name)] = Encoded(f"100644 {digest.decode()}")
    manifest = context_to_sync(here, FileEntry(Kind.TREE, 0o40755, "x"), {"x": listing})
    assert compared(manifest, str(copied(manifest, there)), locally)


def test_a_named_context_travels_whole(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir(mode=0o755)
    manifest = context_to_sync(
        tmp_path,
        FileEntry(Kind.TREE, 0o40755, "x"),
        {"x": {"sub/w.whl": Encoded("100644 abc"), "a.whl": Encoded("100644 def")}},
    )
    assert list(manifest.entries) == ["a.whl", "sub", "sub/w.whl"]
    assert manifest.entries["sub"] == SyncEntry("d", "755")
