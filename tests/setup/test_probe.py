"""The output of docker, apt and the system, parsed into facts."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.hosts.requirements import at_least, first_version
from slipway.setup.debian import AptSource, own_sources, parse_deb822, parse_one_line, parse_os_release, read_sources
from slipway.setup.probe import EngineFound, RegistryContainer, parse_container, parse_engine, stale_pid_files

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://mirror.example/debian"
SOURCES = (
    AptSource((MIRROR,), ("bookworm", "bookworm-updates"), ("main",), KEYRING),
    AptSource((f"{MIRROR}-security",), ("bookworm-security",), ("main",), KEYRING),
)


def test_os_release() -> None:
    text = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\n'
    assert parse_os_release(text) == ("debian", 12, "bookworm")
    assert parse_os_release("ID=debian\nVERSION_CODENAME=forky\n") == ("debian", 99, "forky")
    assert parse_os_release('ID=ubuntu\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n') == ("ubuntu", 24, "noble")
    assert parse_os_release("") == ("", 0, "")


def test_apt_sources_in_both_forms() -> None:
    deb822 = f"""\
Types: deb deb-src
# a comment in between
URIs: {MIRROR}
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: {KEYRING}

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""
    assert parse_deb822(deb822) == [
        AptSource((MIRROR,), ("bookworm", "bookworm-updates"), ("main", "contrib"), KEYRING)
    ]
    one_line = (
        f"# deb http://off.example x main\ndeb [arch=amd64 signed-by={KEYRING}] {MIRROR} bookworm main contrib # mine\n"
        f"deb-src {MIRROR} bookworm main\ndeb {MIRROR}-security bookworm-security main\n"
    )
    assert parse_one_line(one_line) == [
        AptSource((MIRROR,), ("bookworm",), ("main", "contrib"), KEYRING),
        AptSource((f"{MIRROR}-security",), ("bookworm-security",), ("main",)),
    ]


def test_only_debians_own_sources_count() -> None:
    foreign = [
        AptSource(("https://docker.example/linux/debian",), ("bookworm",), ("stable",), "/etc/apt/keyrings/docker.asc"),
        AptSource(("https://sql.example",), ("bookworm-pgdg",), ("main",)),
        AptSource(("https://ms.example/debian/12",), ("bookworm",), ("main",), "/etc/apt/keyrings/ms.gpg"),
        AptSource(("https://ann:s3cret@mirror.example/debian",), ("bookworm",), ("main",)),
    ]
    assert own_sources([*foreign, *SOURCES], "bookworm") == SOURCES
    assert own_sources(foreign, "bookworm") == ()
    assert own_sources(list(SOURCES), "trixie") == ()


def test_the_output_of_docker_gives_engine_and_container() -> None:
    version = {"Client": {"Version": "28.2.2"}, "Server": {"Version": "28.5.2+dfsg4", "ApiVersion": "1.51"}}
    info = {"Driver": "overlay2", "DockerRootDir": "/var/lib/docker", "HttpProxy": "http://p:3128", "NoProxy": ""}
    assert parse_engine(version, info) == EngineFound(
        "28.5.2+dfsg4", "1.51", "overlay2", "/var/lib/docker", ("http://p:3128",)
    )
    containerd = info | {"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}
    found = parse_engine(version, containerd)
    assert found and (found.driver, found.store) == ("overlayfs", "containerd's image store")
    assert parse_engine({"Client": {"Version": "28.2.2"}, "Server": None}, {}) is None
    inspected = (
        '[{"State": {"Status": "exited"}, "HostConfig": {"PortBindings": '
        '{"5000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "5000"}]}}}]'
    )
    assert parse_container(inspected) == RegistryContainer("exited", 5000)
    assert parse_container("[]\n") is None
    assert parse_container(
        '[{"State": {"Status": "created"}, "HostConfig": {"PortBindings": null}}]'
    ) == RegistryContainer("created", 0)


@pytest.mark.parametrize(
    ("version", "least", "enough"),
    [
        ("28.5.2+dfsg4", "25", True),
        ("20.10.24+dfsg1", "25", False),
        ("27.0.0-rc.1", "27", True),
        ("1.44", "1.44", True),
        ("1.41", "1.44", False),
        ("v0.13.1", "0.13", True),
        ("0.30.1-desktop.1", "0.13", True),
        ("0.9.1-desktop.1", "0.13", False),
        ("3.2.7", "3.2.4", True),
        ("3.10.1", "3.2.4", True),
        ("3.2", "3.2.4", False),
        ("3.2", "3.2.0", True),
        ("", "0", False),
        ("unknown", "0", False),
    ],
)
def test_versions_compare_as_numbers(version: str, least: str, enough: bool) -> None:
    assert at_least(version, least) is enough


def test_a_version_is_found_in_a_programs_output() -> None:
    assert first_version("Docker version 20.10.24+dfsg1, build 297e128") == "20.10.24+dfsg1"
    assert first_version("openrsync: protocol version 29") == ""


def test_a_pid_file_is_stale_when_its_process_is_another(tmp_path: Path) -> None:
    (tmp_path / "run/docker/containerd").mkdir(parents=True)
    for pid, program in (("7", "dockerd"), ("8", "bash")):
        (tmp_path / "proc" / pid).mkdir(parents=True)
        (tmp_path / "proc" / pid / "comm").write_text(f"{program}\n")
    (tmp_path / "run/docker.pid").write_text("7")
    (tmp_path / "run/docker/containerd/containerd.pid").write_text("8")
    assert stale_pid_files(tmp_path) == ("/run/docker/containerd/containerd.pid",)
    (tmp_path / "run/docker.pid").write_text("9")
    assert stale_pid_files(tmp_path) == ("/run/docker.pid", "/run/docker/containerd/containerd.pid")
    assert stale_pid_files(tmp_path / "nowhere") == ()


def test_a_source_that_this_user_cannot_read_does_not_count(tmp_path: Path) -> None:
    """Reading /proc/self/mem fails for every user, as another user's file does for all but root."""
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/private.list").symlink_to("/proc/self/mem")
    (tmp_path / "sources.list").write_text("deb http://mirror.example/debian bookworm main")
    assert read_sources(tmp_path, "bookworm") == (
        AptSource(("http://mirror.example/debian",), ("bookworm",), ("main",)),
    )
