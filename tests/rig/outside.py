"""The world asked from outside: docker's CLI, processes, patience."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

#: Everything the tests make in the engine carries it.
LABEL = "slipway.test=integration"


def docker(*argv: str, check: bool = True, stdin: str = "", timeout: float = 120) -> str:
    """What docker's CLI prints."""
    done = subprocess.run(["docker", *argv], input=stdin, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout.strip()


def wait_until(holds: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    return wait_until


@pytest.fixture(scope="session")
def engine_address() -> str:
    """Where docker's CLI finds the engine."""
    return docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")


@pytest.fixture(scope="session")
def cli() -> Callable[..., str]:
    """docker's CLI: ``cli("ps")``."""
    return docker


@pytest.fixture
def processes() -> Callable[[Path], Sequence[str]]:
    """The command lines of processes that work in a folder."""

    def working_in(folder: Path) -> Sequence[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if process.joinpath("cwd").readlink() == folder:
                    found.append(process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    return working_in
