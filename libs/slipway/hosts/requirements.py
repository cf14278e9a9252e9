"""Define the minimum versions that every machine needs for builds, and the commands that install them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from slipway.engine.answers import CONTAINERD_DRIVER

LEAST_API = "1.44"
LEAST_DOCKERD = "25"  # the first version with that API
LEAST_BUILDX = "0.13"  # the first version with rawjson progress
LEAST_RSYNC = "3.2.4"  # the first version that quotes arguments for the remote shell
_ENGINE = f"install Docker Engine {LEAST_DOCKERD} or newer"
_REMEDIES: Mapping[str, Mapping[str, str]] = {
    "debian": {
        "engine": "sudo $(command -v invoke) setup",
        "buildx": "sudo $(command -v invoke) setup",
        "rsync": "sudo apt-get install rsync",
        "ssh": "sudo apt-get install openssh-client",
        "emulation": "sudo $(command -v invoke) setup --platforms",
        "start": "sudo systemctl start docker",
    },
    "ubuntu": {
        "engine": "sudo apt-get install docker.io",
        "buildx": "sudo apt-get install docker-buildx",
        "rsync": "sudo apt-get install rsync",
        "ssh": "sudo apt-get install openssh-client",
        "emulation": "sudo apt-get install binfmt-support qemu-user-static",
        "start": "sudo systemctl start docker",
    },
    "fedora": {
        "engine": "sudo dnf install moby-engine",
        "buildx": "sudo dnf install docker-buildx",
        "rsync": "sudo dnf install rsync",
        "ssh": "sudo dnf install openssh-clients",
        "emulation": "sudo dnf install qemu-user-static",
        "start": "sudo systemctl start docker",
    },
    "arch": {
        "engine": "sudo pacman -S docker",
        "buildx": "sudo pacman -S docker-buildx",
        "rsync": "sudo pacman -S rsync",
        "ssh": "sudo pacman -S openssh",
        "emulation": "sudo pacman -S qemu-user-static qemu-user-static-binfmt",
        "start": "sudo systemctl start docker",
    },
    "darwin": {
        "engine": "brew install --cask docker-desktop && open -a Docker",
        "buildx": "brew install docker-buildx",
        "rsync": "brew install rsync",
        "ssh": "brew install openssh",
        "emulation": "open -a Docker",
        "start": "open -a Docker",
    },
}
_ANYWHERE: Mapping[str, str] = {
    "engine": _ENGINE,
    "buildx": f"install the docker-buildx plugin {LEAST_BUILDX} or newer",
    "rsync": f"install rsync {LEAST_RSYNC} or newer",
    "ssh": "install OpenSSH's client",
    "emulation": "register qemu's static user emulators with binfmt_misc",
    "start": "start the Docker engine",
}


def remedy(system: str, what: str) -> str:
    """Return the command that fixes ``what`` on this machine, whose system is ``system``.

    ``what`` is ``engine``, ``buildx``, ``rsync``, ``ssh``, ``emulation`` or ``start``. For an unknown system the result
    is an instruction in words.
    """
    return _REMEDIES.get(system, _ANYWHERE)[what]


def remedy_there(system: str, what: str) -> str:
    """Return the command that fixes ``what`` on another machine.

    slipway is not installed on that machine, so a command of slipway is replaced by an instruction in words.
    """
    found = _REMEDIES.get(system, _ANYWHERE)[what]
    return _ANYWHERE[what] if "invoke" in found else found


ROOMY = 10_000_000_000  # bytes: enough for two base images and their build cache


class CheckState(StrEnum):
    """Name the result of a check.

    ``MISSING`` stops work, ``WARN`` does not. ``doctor --json`` prints the values.
    """

    OK = "ok"
    WARN = "warn"
    MISSING = "missing"


@dataclass(frozen=True)
class Check:
    """Hold the result of one check. ``detail`` describes the finding, and ``hint`` is the fix."""

    name: str
    state: CheckState
    detail: str
    hint: str = ""


#: The engine's image stores. A new installation of Docker 29 or later uses containerd's.
CLASSIC, CONTAINERD = "classic image store", "containerd's image store"


def image_store(driver_status: str) -> str:
    """Return the engine's image store, from the text of ``DriverStatus`` in ``docker info``."""
    return CONTAINERD if CONTAINERD_DRIVER in driver_status else CLASSIC


def first_version(text: str) -> str:
    """Return the first dotted number in ``text`` with its suffix; empty without one.

    Example: ``rsync  version 3.2.7  protocol …`` → ``3.2.7``.
    """
    match = re.search(r"\d+\.\d+[^\s,]*", text)
    return match[0] if match else ""


def at_least(version: str, least: str) -> bool:
    """Tell whether ``version`` is ``least`` or newer, such as ``28.5.2+dfsg4`` for ``25``. An empty version is not.

    Only the numbers count. Each packager adds its own suffix (``0.30.1-desktop.1``), and a release candidate has the
    functions of its release.
    """
    from packaging.version import Version

    numbers = re.match(r"v?\d+(\.\d+)*", version)
    return bool(numbers) and Version(numbers[0]) >= Version(least)  # type: ignore[index]
