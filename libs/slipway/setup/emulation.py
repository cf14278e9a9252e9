"""Find out which other platforms this machine runs, and which parts of their emulation are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from slipway.core.errors import Problem
from slipway.core.platform import Platform, kernel_name, this_platform
from slipway.engine import DOCKER_BUILDX
from slipway.hosts.emulation import not_runnable
from slipway.hosts.requirements import remedy
from slipway.hosts.runner import RunCommand

PACKAGES = ("binfmt-support", "qemu-user-static")
UPDATE = "/usr/sbin/update-binfmts"
TABLE = "/proc/sys/fs/binfmt_misc"
#: Architectures for which qemu's name is neither Docker's nor the kernel's.
_QEMU = {"386": "i386", "arm": "arm"}


@dataclass(frozen=True)
class Emulation:
    """Hold the facts about other platforms on this machine.

    ``missing``: the wanted platforms whose programs do not run. ``installed``: the packages are there, so the emulators
    only need registration. ``mounted``: the kernel's table of emulators can be read.
    """

    missing: tuple[str, ...] = ()
    installed: bool = True
    mounted: bool = True


def look(run: RunCommand, platforms: Iterable[str], builder: str, *, engine: bool) -> Emulation:
    """Try the wanted platforms. Without an engine none but the machine's own counts as running."""
    native = this_platform()
    foreign = tuple(each for each in platforms if each != native)
    missing = not_runnable(foreign, native, builder, DOCKER_BUILDX, run) if engine else foreign
    programs = (UPDATE, *(f"/usr/bin/{emulator_of(each)}-static" for each in missing))
    installed = all(Path(program).exists() for program in programs)
    return Emulation(missing, installed, Path(TABLE, "status").exists())


def blockers(found: Emulation, system: str) -> Iterator[Problem]:
    """Yield the problem of each platform, for a machine on which setup may install nothing."""
    for platform in found.missing:
        yield Problem(platform, "its programs do not run", remedy(system, "emulation"))


def emulator_of(platform: str) -> str:
    """Return qemu's name of a platform's emulator: ``qemu-aarch64``."""
    architecture = Platform.read(platform).architecture
    return f"qemu-{_QEMU.get(architecture) or kernel_name(architecture)}"
