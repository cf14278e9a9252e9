"""Refuse mounts whose files are missing or closed, and choose the files that a build host needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.compose.mounts import Mount
from slipway.compose.sources import secret_texts, sent, unusable
from slipway.core.errors import Problem
from slipway.hosts.host import MountKind, MountSource
from tests.rig.capabilities import modes_count

BIND, SECRET, CONFIG = MountKind.BIND, MountKind.SECRET, MountKind.CONFIG


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo/pin").write_text("4711-geheim\n")
    (tmp_path / "outside").write_text("")
    return tmp_path / "repo"


def mount(path: Path, kind: MountKind, *, made: bool = False, user: str = "") -> Mount:
    return Mount("cart", "pin", MountSource(str(path), kind), made, user)


def problems(root: Path, one: Mount, *, remote: bool = False, image_user: str = "") -> tuple[Problem, ...]:
    with modes_count():
        return tuple(unusable([one], [one.source] if remote else [], "till.yaml", str(root), {"cart": image_user}))


def test_a_build_host_gets_every_secret_and_config_and_the_bind_mounts_of_the_checkout(root: Path) -> None:
    (root / "link").symlink_to("../outside")
    inside = [mount(root / name, BIND) for name in ("pin", "absent", "link")] + [mount(root, BIND)]
    beside = [mount(root.parent / "outside", kind) for kind in (BIND, SECRET, CONFIG)]
    found = sent([*inside, *beside, inside[0]], str(root))
    assert found == (*(one.source for one in inside), beside[1].source, beside[2].source)


def test_a_file_that_can_be_read_is_accepted(root: Path) -> None:
    for kind in MountKind:
        assert problems(root, mount(root / "pin", kind)) == problems(root, mount(root, kind), remote=True) == ()


@pytest.mark.parametrize("kind", MountKind)
@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("path", ["absent", "pin/below"])
def test_a_missing_file_is_named_by_its_path_from_the_root(
    root: Path, kind: MountKind, remote: bool, path: str
) -> None:
    [found] = problems(root, mount(root / path, kind), remote=remote)
    assert (found.where, found.what) == ("till.yaml: cart", f"{kind} pin: {path} is missing")
    assert found.code == "file-missing" and found.hint


def test_a_folder_that_the_engine_makes_may_be_missing_on_this_machine_alone(root: Path) -> None:
    shelf = mount(root / "absent", BIND, made=True)
    assert problems(root, shelf) == ()
    assert [one.code for one in problems(root, shelf, remote=True)] == ["file-missing"]


@pytest.fixture
def closed(root: Path) -> Iterator[Path]:
    (root / "pin").chmod(0)
    (root / "shelf").mkdir(mode=0o300)
    yield root
    (root / "pin").chmod(0o600)
    (root / "shelf").chmod(0o700)


@pytest.mark.parametrize(("kind", "name"), [(SECRET, "pin"), (CONFIG, "pin"), (BIND, "pin"), (BIND, "shelf")])
def test_a_file_that_slipway_cannot_send_is_named(closed: Path, kind: MountKind, name: str) -> None:
    [found] = problems(closed, mount(closed / name, kind), remote=True)
    assert (found.what, found.code) == (f"{kind} pin: {name}: Permission denied", "file-unreadable")


def test_on_this_machine_the_engine_mounts_a_file_that_only_the_container_may_read(closed: Path) -> None:
    """A secret that neither this user nor the container's user may read is refused."""
    pin = closed / "pin"
    assert problems(closed, mount(pin, BIND)) == ()
    assert [one.code for one in problems(closed, mount(pin, SECRET))] == ["file-unreadable"]
    if os.geteuid() == 0:
        pin.chmod(0o400)
        os.chown(pin, 10001, 10001)
        assert problems(closed, mount(pin, SECRET, user="10001:0")) == ()
        assert problems(closed, mount(pin, SECRET), image_user="10001") == ()
        for other in ("10002", "app", ""):
            found = problems(closed, mount(pin, SECRET), image_user=other)
            assert [one.code for one in found] == ["file-unreadable"]
        os.chown(pin, 0, 0)


def test_the_texts_of_secrets_are_those_that_the_user_may_read(root: Path) -> None:
    (root / "key").write_text("k" * 20_000)
    paths = [mount(root / name, SECRET) for name in ("pin", "pin", "absent", "key", ".")]
    assert list(secret_texts([*paths, mount(root / "pin", BIND)])) == ["4711-geheim"]
