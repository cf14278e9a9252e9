"""Check that an image's Python packages agree: each requirement is installed in a version that fits.

The rule is that of ``pip check``. Pure: reads the packages' metadata from the layers, so the image needs neither pip
nor Python to run. An environment holds the packages that one interpreter sees. It is a virtual environment, Debian's
``dist-packages``, or the ``site-packages`` of a prefix, each with the folders of PYTHONPATH.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.parser import HeaderParser

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from slipway.core.platform import kernel_name
from slipway.smoke.file_modes import merged
from slipway.smoke.image_archive import Layer

_METADATA = re.compile(r"(?P<folder>/.+)/[^/]+\.(?:dist-info/METADATA|egg-info/PKG-INFO)")
_FOLDER = re.compile(r"(?P<prefix>/.*?|)/lib/python(?P<version>3(?:\.\d+)?)/(?P<kind>site|dist)-packages")
_LIBRARY = re.compile(r"/lib/python(3\.\d+)/os\.pyc?")
_WITH_SYSTEM = re.compile(r"^include-system-site-packages\s*=\s*true\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Package:
    """Hold an installed package: its name, its version, and its requirements, from its metadata."""

    name: str
    version: str
    requires: tuple[str, ...]


#: Canonical name → package.
Environment = Mapping[str, Package]


def disagreements(layers: Sequence[Layer], environment: Sequence[str], architecture: str) -> tuple[str, ...]:
    """Return a line for each requirement that is not met. ``environment`` is the image's ``Config.Env``."""
    path = dict(entry.partition("=")[::2] for entry in environment).get("PYTHONPATH", "")
    told: dict[str, None] = {}
    for version, packages in environments(layers, [folder for folder in path.split(":") if folder.startswith("/")]):
        told |= dict.fromkeys(_unmet(packages, markers(version, architecture)))
    return tuple(told)


def environments(layers: Sequence[Layer], first: Sequence[str] = ()) -> Iterator[tuple[str, Environment]]:
    """Yield the version of Python and the packages of each environment.

    The folders of ``first`` come first in every environment.
    """
    tree = merged(layers)
    texts = {path: layers[number - 1].texts.get(member.path, "") for path, (number, member) in tree.items()}
    folders: dict[str, list[Package]] = {}
    for path, text in texts.items():
        if text and (found := _METADATA.fullmatch(path)):
            folders.setdefault(found["folder"], []).append(_package(text))
    versions = sorted({found[1] for path in tree if (found := _LIBRARY.search(path))})
    for version, seen in _groups(folders, texts, versions):
        packages: dict[str, Package] = {}
        for folder in (*first, *seen):
            for package in folders.get(folder, ()):
                packages.setdefault(canonicalize_name(package.name), package)
        yield version, packages


def _groups(
    folders: Mapping[str, object], texts: Mapping[str, str], versions: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    """Yield the Python version of each interpreter, and the folders that it sees, in the order of its search."""
    debian: dict[str, list[str]] = {}
    for folder in sorted(folders, key=lambda name: (not name.startswith("/usr/local/"), name)):
        found = _FOLDER.fullmatch(folder)
        if not found:
            continue
        if found["kind"] == "dist":
            debian.setdefault(found["version"], []).append(folder)
            continue
        config = texts.get(posixpath.join(found["prefix"] or "/", "pyvenv.cfg"), "")
        system = [other for other in folders if other != folder and _WITH_SYSTEM.search(config)]
        yield found["version"], [folder, *(other for other in system if f"/python{found['version']}/" in other)]
    shared = debian.pop("3", [])
    if shared and not debian:
        debian[versions[0] if versions else "3"] = []
    for version, seen in debian.items():
        yield version, [*seen, *shared]


def _package(text: str) -> Package:
    said = HeaderParser().parsestr(text)
    return Package(said.get("Name", ""), said.get("Version", ""), tuple(said.get_all("Requires-Dist") or ()))


def markers(version: str, architecture: str) -> dict[str, str]:
    """Return the values of environment markers for a version of Python in the image.

    They assume the newest patch release, because no file of an image names the patch release.
    """
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{version}.99",
        "os_name": "posix",
        "platform_machine": kernel_name(architecture),
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{version}.99",
        "python_version": version,
        "sys_platform": "linux",
        "extra": "",
    }


def _unmet(packages: Environment, values: dict[str, str]) -> Iterator[str]:
    for package in packages.values():
        for text in package.requires:
            try:
                wanted = Requirement(text)
            except InvalidRequirement:
                continue
            if wanted.marker and not wanted.marker.evaluate(values):
                continue
            found = packages.get(canonicalize_name(wanted.name))
            if not found:
                yield f"{package.name} {package.version} requires {wanted.name}, which is not installed"
            elif not _fits(wanted, found.version):
                there = f"{found.name} {found.version} is installed"
                yield f"{package.name} {package.version} requires {wanted.name}{wanted.specifier}, and {there}"


def _fits(wanted: Requirement, version: str) -> bool:
    try:
        return wanted.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True
