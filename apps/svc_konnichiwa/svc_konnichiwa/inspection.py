"""Describe the running process: interpreter, machine, user, memory, packages. No value of the environment is in it."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

_STARTED = time.monotonic()


@dataclass(frozen=True)
class Inspection:
    """Describe a process. ``memory`` is the resident set in bytes, ``seconds`` are those since its start.

    ``packages`` maps each installed distribution to its version.
    """

    python: str
    system: str
    architecture: str
    user: int
    group: int
    process: int
    memory: int
    seconds: float
    packages: dict[str, str]


def inspect() -> Inspection:
    """Return the description of this process."""
    return Inspection(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}".lower(),
        architecture=platform.machine(),
        user=os.getuid(),
        group=os.getgid(),
        process=os.getpid(),
        memory=resident(Path("/proc/self/statm").read_text("ascii"), os.sysconf("SC_PAGE_SIZE")),
        seconds=round(time.monotonic() - _STARTED, 3),
        packages=packages(),
    )


def resident(statm: str, page: int) -> int:
    """Return the resident set in bytes. proc(5): the second number of ``statm`` counts its pages."""
    return int(statm.split()[1]) * page


@cache
def packages() -> dict[str, str]:
    """Map each installed distribution to its version. Nothing installs one while the service runs."""
    return {one.name: one.version for one in sorted(distributions(), key=lambda one: one.name.lower())}
