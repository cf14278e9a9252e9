"""The files of a layer that describe packages, and the lines of them that slipway keeps."""

from __future__ import annotations

import pytest

from slipway.smoke.package_files import describes_packages, kept

SITE = "usr/lib/python3/dist-packages"


@pytest.mark.parametrize(
    ("path", "described"),
    [
        (f"{SITE}/click-8.dist-info/METADATA", True),
        (f"{SITE}/click-8.dist-info/RECORD", False),
        (f"{SITE}/wheel-1.egg-info/PKG-INFO", True),
        (f"{SITE}/apt-1.egg-info", True),
        ("app/.venv/pyvenv.cfg", True),
        ("var/lib/dpkg/status", True),
        ("var/lib/dpkg/status-old", False),
        ("var/lib/dpkg/status.d/libc6", True),
        ("var/lib/dpkg/status.d/libc6.md5sums", False),
        ("usr/share/doc/libc6/copyright", True),
        ("usr/share/doc/libc6/changelog.gz", False),
        ("usr/lib/os-release", True),
        ("srv/os-release", False),
    ],
)
def test_a_path_describes_packages(path: str, described: bool) -> None:
    assert describes_packages(path) is described


def test_metadata_is_kept_without_its_description() -> None:
    assert kept(f"{SITE}/a-1.dist-info/METADATA", "Name: a\nVersion: 1\n\nName: of its text") == "Name: a\nVersion: 1"


def test_of_dpkg_s_database_the_fields_that_are_read_are_kept() -> None:
    text = "Package: a\nInstalled-Size: 1\nDepends: b,\n c\nConffiles:\n /etc/a 12\nVersion: 1\n\nPackage: b\n\n"
    assert kept("var/lib/dpkg/status", text) == "Package: a\nDepends: b,\n c\nVersion: 1\n\nPackage: b"


def test_of_a_copyright_file_the_names_of_licences_are_kept() -> None:
    text = (
        "Format: https://x\n\nFiles: *\nLicense: MIT\n words\n\nLicense:\n text\n\nLicense: MIT\n\nLicense: GPL-2+ \n"
    )
    assert kept("usr/share/doc/a/copyright", text) == "License: MIT\nLicense: GPL-2+"
    assert kept("usr/share/doc/a/copyright", "Words.\nLicense: see there\n") == ""


def test_other_files_are_kept_whole() -> None:
    assert kept("usr/lib/os-release", "ID=debian\n\nA=1\n") == "ID=debian\n\nA=1\n"
