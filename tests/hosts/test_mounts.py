"""Copy the files that containers mount to a build host: modes, names, and the scripts that keep and remove them."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.core.command import Command
from slipway.core.errors import UsageError
from slipway.hosts.host import MountKind, MountSource
from slipway.hosts.remote.file_manifest import FileManifest
from slipway.hosts.remote.mount_copy import MountCopy
from slipway.hosts.remote.scripts import script
from slipway.hosts.remote.sync import compared, rsync_command
from slipway.hosts.runner import run
from tests.rig.capabilities import modes_count

BIND, SECRET, CONFIG = MountKind.BIND, MountKind.SECRET, MountKind.CONFIG


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    (folder / ".slipway").mkdir(parents=True)
    (folder / "deep").mkdir(mode=0o700)
    (folder / "deep/pin").write_text("4711\n")
    (folder / "deep/pin").chmod(0o600)
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("deep/pin")
    os.mkfifo(folder / "pipe")
    return folder


def copy_of(path: Path, kind: MountKind) -> MountCopy:
    return MountCopy.of(MountSource(str(path), kind))


def modes(manifest: FileManifest) -> dict[str, str]:
    return {path: f"{entry.kind} {entry.mode}" for path, entry in manifest.entries.items()}


def test_a_folder_has_its_own_modes_and_neither_slipways_folder_nor_pipes(shelf: Path) -> None:
    copy = copy_of(shelf, BIND)
    assert modes(copy.manifest) == {
        "shelf": f"d {stat.S_IMODE(shelf.stat().st_mode):o}",
        "shelf/deep": "d 700",
        "shelf/deep/pin": "f 600",
        "shelf/link": "l 777",
        "shelf/run.sh": "f 755",
    }
    assert copy.path == f"{copy.name}/shelf"


def test_a_secret_is_for_every_user_of_the_container_to_read_and_for_none_of_them_to_write(shelf: Path) -> None:
    for kind in (SECRET, CONFIG):
        assert modes(copy_of(shelf / "deep/pin", kind).manifest) == {"pin": "f 444"}
        assert modes(copy_of(shelf / "run.sh", kind).manifest) == {"run.sh": "f 555"}
        assert modes(copy_of(shelf / "deep", kind).manifest) == {"deep": "d 755", "deep/pin": "f 444"}


def test_a_link_is_sent_as_the_file_that_it_leads_to(shelf: Path) -> None:
    assert copy_of(shelf / "link", SECRET).path.endswith("/pin")


def test_the_name_of_a_copy_changes_with_its_content_and_mode(shelf: Path) -> None:
    run_sh = shelf / "run.sh"
    names = [copy_of(run_sh, BIND).name, copy_of(run_sh, CONFIG).name]
    run_sh.touch()
    assert [copy_of(run_sh, BIND).name, copy_of(run_sh, CONFIG).name] == names
    run_sh.write_text("#!/bin/bash\n")
    names.append(copy_of(run_sh, BIND).name)
    run_sh.chmod(0o700)
    names.append(copy_of(run_sh, BIND).name)
    assert len(set(names)) == 4


def test_the_name_of_a_secret_does_not_depend_on_its_content(tmp_path: Path) -> None:
    """Four digits would be guessed from their hash."""
    pin = tmp_path / "pin"
    names: set[str] = set()
    for digits in ("4711", "4711", "4712"):
        pin.unlink(missing_ok=True)
        pin.write_text(digits)
        os.utime(pin, ns=(len(names), len(names)))
        names.add(copy_of(pin, SECRET).name)
    assert len(names) == 3, "the same content under another time has another name"
    assert copy_of(pin, SECRET).name in names, "nothing changed"


def test_a_socket_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "door"))
        with pytest.raises(UsageError, match="door: is neither a file nor a folder"):
            copy_of(tmp_path / "door", BIND)


def test_a_file_deep_below_that_cannot_be_read_is_named(shelf: Path) -> None:
    (shelf / "deep/pin").chmod(0)
    with modes_count(), pytest.raises(UsageError, match="shelf/deep/pin: Permission denied") as caught:
        copy_of(shelf, BIND)
    assert caught.value.code == "file-unreadable"


@pytest.mark.process
@pytest.mark.parametrize("kind", MountKind)
def test_rsync_gives_the_copy_the_modes_that_the_listing_expects(shelf: Path, tmp_path: Path, kind: MountKind) -> None:
    manifest = copy_of(shelf, kind).manifest
    command = rsync_command(manifest, str(tmp_path / "there"), (), "unused", checksum=False)
    argv = [word.removeprefix("host:") for word in command.argv if not word.startswith("--secluded")]
    place = argv.index("--rsh")
    sent = run(Command((*argv[:place], *argv[place + 2 :]), stdin=command.stdin))
    assert sent.ok, sent.stderr
    assert compared(manifest, str(tmp_path / "there"), run)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository's folder on a build host whose engine has containers of the system ``up`` alone."""
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\ncase $* in *project=up) echo 4f5a ;; *project=lost) echo no engine >&2 ;; esac\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker.parent}:{os.environ['PATH']}")
    for name in ("up", "lost", "crashed", "down"):
        (tmp_path / f"project/systems/{name}/0a1b").mkdir(parents=True)
        (tmp_path / f"project/systems/{name}/0a1b/pin").write_text("4711")
    return tmp_path / "project"


def systems(project: Path) -> set[str]:
    return {folder.name for folder in project.glob("systems/*")}


@pytest.mark.process
def test_the_files_of_a_system_that_is_down_go_and_so_do_those_that_nothing_uses(project: Path) -> None:
    """A system is used while it has containers; an engine that does not answer decides nothing."""
    done = run(script("unmount", str(project), "down"))
    assert done.ok and done.stdout == "" and systems(project) == {"up", "lost"}
    assert run(script("unmount", str(project / "absent"), "down")).ok


@pytest.mark.process
@pytest.mark.parametrize("name", ["prepare", "clean"])
def test_each_run_removes_the_files_that_nothing_uses(project: Path, name: str) -> None:
    words = {"prepare": ("new", "3", "true"), "clean": ("",)}[name]
    done = run(script(name, str(project), *words))
    assert done.ok, done.stderr
    assert systems(project) == {"up", "lost"}


@pytest.mark.process
def test_a_look_at_the_runs_removes_nothing(project: Path) -> None:
    assert run(script("clean", str(project), "look")).ok
    assert len(systems(project)) == 4


@pytest.fixture
def holding(project: Path) -> Iterator[subprocess.Popen[str]]:
    command = script("hold", str(project), "mine", "0a1b", "2c3d")
    (project / "systems/mine/0a1b").mkdir(parents=True)
    with subprocess.Popen(command.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


@pytest.mark.process
def test_a_client_that_is_connected_keeps_the_files_of_its_system(
    project: Path, holding: subprocess.Popen[str]
) -> None:
    mine = project / "systems/mine"
    assert holding.stdout and holding.stdin
    assert holding.stdout.readline() == "held 0a1b\n", "the complete copies"
    assert (mine / "2c3d.part").is_dir() and stat.S_IMODE((mine / "2c3d.part").stat().st_mode) == 0o700
    assert systems(project) == {"up", "lost", "mine"}
    run(script("unmount", str(project), "other"))
    assert mine.exists()
    holding.stdin.close()
    holding.wait(10)
    run(script("unmount", str(project), "other"))
    assert not mine.exists()


@pytest.mark.process
def test_a_folder_that_cannot_be_made_is_named(project: Path) -> None:
    (project / "systems/mine").write_text("")
    done = run(script("hold", str(project), "mine"))
    assert not done.ok and "mine" in done.stdout
