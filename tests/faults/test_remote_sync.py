"""Faults while files travel to a build host: a job uses the planned tree or none."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slipway.core.command import Command
from slipway.core.destination import Destination
from slipway.core.errors import SyncError
from slipway.hosts.remote.file_manifest import FileManifest, context_to_sync
from slipway.hosts.remote.sync import send, sync
from slipway.hosts.runner import run
from slipway.hosts.ssh.client import SshClient
from slipway.hosts.ssh.connecting import connect
from slipway.hosts.ssh.host_config import User
from slipway.hosts.ssh.reconnecting import ReconnectingConnection
from slipway.stack.entries import Encoded, FileEntry, Kind

if TYPE_CHECKING:
    from tests.faults.wire import Wire
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    MakeWire = Callable[[int], Wire]
    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration


@pytest.fixture
def links(build_host: BuildHost) -> Iterator[Callable[[str], ReconnectingConnection]]:
    made: list[ReconnectingConnection] = []

    def opened(config: str) -> ReconnectingConnection:
        made.append(
            ReconnectingConnection(
                lambda: connect(Destination("builder"), SshClient(run, User(Path.home()), config=config)),
                lambda text: None,
            )
        )
        return made[-1]

    yield opened
    for link in made:
        link.close()


@pytest.fixture
def link(build_host: BuildHost, links: Callable[[str], ReconnectingConnection]) -> ReconnectingConnection:
    return links(build_host.config)


@pytest.fixture
def there(build_host: BuildHost) -> Iterator[str]:
    """A folder there that is not made yet, for one test."""
    folder = f"/home/builder/sync-{secrets.token_hex(4)}"
    build_host.sh(f"mkdir {folder}", user="builder")
    yield f"{folder}/tree"
    build_host.sh(f"rm -rf {folder}")


def manifest(here: Path, files: Mapping[bytes, bytes]) -> FileManifest:
    """These files, as a snapshot lists them."""
    listing: dict[str, Encoded] = {}
    for name, content in files.items():
        path = here / os.fsdecode(name)
        path.write_bytes(content)
        path.chmod(0o644)
        listing[os.fsdecode(name)] = Encoded(f"100644 {hashlib.sha256(content).hexdigest()}")
    return context_to_sync(here, FileEntry(Kind.TREE, 0o40755, "x"), {"x": listing})


def wired(host: BuildHost, wire: Wire) -> str:
    """The host behind the wire, as ssh's configuration names it."""
    return host.options("wired", Port=str(wire.port), HostKeyAlias=f"[127.0.0.1]:{host.port}")


def test_a_folder_that_cannot_be_prepared(link: ReconnectingConnection, there: str, tmp_path: Path) -> None:
    """The command that precedes rsync in its channel fails: the run ends with its error, and rsync sends nothing."""
    asked: list[str] = []

    def refuse(line: str) -> Command:
        asked.append(line)
        return Command(("sh", "-c", "echo 'mkdir: no room' >&2; exit 1"))

    with pytest.raises(SyncError, match="mkdir: no room"):
        send(manifest(tmp_path, {b"one": b"1\n"}), there, [], run, link, refuse)
    assert len(asked) == 1 and "rsync --server" in asked[0]


@pytest.mark.fault("C15")
def test_odd_names_arrive_as_they_are(
    link: ReconnectingConnection, there: str, tmp_path: Path, build_host: BuildHost
) -> None:
    names = [
        b"new\nline",
        b"-rf",
        b"bad\377\376",
        b"a\\b",
        b"tab\t",
        b"'\"$(touch x)",
        "ä".encode(),
        b"~",
        b" ",
        b";",
        b"#",
    ]
    sent = sync(manifest(tmp_path, {name: name for name in names}), there, [], run, link)
    assert sent.files == len(names)
    script = "find . -type f -print0 | LC_ALL=C sort -z | sha256sum"
    assert (
        build_host.sh(f"cd {there} && {script}") == run(Command(("sh", "-c", script), cwd=str(tmp_path))).stdout.strip()
    )


@pytest.mark.fault("C14")
def test_a_link_out_of_the_tree_travels_as_a_link(
    link: ReconnectingConnection, there: str, tmp_path: Path, build_host: BuildHost
) -> None:
    (tmp_path / "out").symlink_to("/etc/passwd")
    shipped = context_to_sync(tmp_path, FileEntry(Kind.TREE, 0o40755, "x"), {"x": {"out": Encoded("link /etc/passwd")}})
    sync(shipped, there, [], run, link)
    assert build_host.sh(f"readlink {there}/out") == "/etc/passwd"


@pytest.mark.fault("C19")
def test_a_file_that_changes_while_it_travels(link: ReconnectingConnection, there: str, tmp_path: Path) -> None:
    shipped = manifest(tmp_path, {b"app.py": b"one\n", b"other": b"2\n"})
    (tmp_path / "app.py").write_text("two\n")
    with pytest.raises(SyncError, match=r"app\.py changed during sync"):
        sync(shipped, there, [], run, link)
    (tmp_path / "app.py").unlink()
    with pytest.raises(SyncError, match=r"app\.py"):
        sync(shipped, there, [], run, link)


@pytest.mark.fault("C20")
def test_a_file_of_equal_size_and_time_with_other_bytes(
    link: ReconnectingConnection, there: str, tmp_path: Path, build_host: BuildHost
) -> None:
    sync(manifest(tmp_path, {b"app.py": b"one\n"}), there, [], run, link)
    stamp = (tmp_path / "app.py").stat()
    shipped = manifest(tmp_path, {b"app.py": b"two\n"})
    os.utime(tmp_path / "app.py", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    again = f"{there}-again"
    sync(shipped, again, [there], run, link)
    assert build_host.sh(f"cat {again}/app.py {there}/app.py") == "two\none"


def test_an_unchanged_file_is_linked_and_not_sent(
    link: ReconnectingConnection, there: str, tmp_path: Path, build_host: BuildHost
) -> None:
    large = secrets.token_bytes(1_000_000)
    first = sync(manifest(tmp_path, {b"large": large, b"small": b"1\n"}), there, [], run, link)
    stamp = (tmp_path / "large").stat()
    shipped = manifest(tmp_path, {b"large": large, b"small": b"22\n"})
    os.utime(tmp_path / "large", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    second = sync(shipped, f"{there}-again", [there], run, link)
    assert first.sent > 1_000_000 and second.sent < 1_000
    inodes = build_host.sh(f"stat -c %i {there}/large {there}-again/large {there}/small {there}-again/small").split()
    assert inodes[0] == inodes[1] and inodes[2] != inodes[3]


@pytest.mark.fault("S10", "S11")
def test_a_link_that_is_cut_while_files_travel(
    links: Callable[[str], ReconnectingConnection], wire: MakeWire, there: str, tmp_path: Path, build_host: BuildHost
) -> None:
    between = wire(build_host.port)
    link = links(wired(build_host, between))
    shipped = manifest(tmp_path, {b"large": secrets.token_bytes(30_000_000), b"small": b"1\n"})
    between.fail("cut", after=20_000_000)
    before = between.sent
    synced = sync(shipped, there, [], run, link)
    assert synced.files == 2 and between.connections == 2
    assert between.sent - before < 45_000_000, "what had arrived was not sent again"


@pytest.mark.fault("S12")
def test_a_link_that_swallows_everything_while_files_travel(
    links: Callable[[str], ReconnectingConnection], wire: MakeWire, there: str, tmp_path: Path, build_host: BuildHost
) -> None:
    between = wire(build_host.port)
    link = links(wired(build_host, between))
    shipped = manifest(tmp_path, {b"large": secrets.token_bytes(30_000_000)})
    between.fail("swallow", after=10_000_000)
    assert sync(shipped, there, [], run, link).files == 1
    assert between.connections == 2


@pytest.mark.fault("S13")
def test_a_disk_there_that_is_full(stack: Stack, build_host: BuildHost) -> None:
    shop = stack("shop")
    shop.configure(**build_host.settings)
    shop.write("libs/counter/large", secrets.token_hex(2_000_000))
    # Room for the bytes, which the pre-flight counts, and none for so many files.
    build_host.sh("mkdir -p /srv/small && mount -t tmpfs -o size=9m,nr_inodes=24,mode=1777 tmpfs /srv/small")
    try:
        build_host.sh("dd if=/dev/zero of=/srv/small/ballast bs=1M count=7")
        ran = shop.invoke("build", "--remote", "--path", "/srv/small/slipway")
        ran.failed(3, "disk: 4.00 MB needed in /srv/small/slipway, ", "remote-clean")
        build_host.sh("rm /srv/small/ballast")
        ran = shop.invoke("build", "--remote", "--path", "/srv/small/slipway")
        ran.failed(5, "No space left on device", "remote-clean")
        assert build_host.sh("find /srv/small -type f") == "", "what had arrived is gone, or the disk would stay full"
    finally:
        build_host.sh("umount /srv/small")
