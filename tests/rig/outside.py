"""The world asked from outside: docker's CLI, processes, patience."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

#: Everything the tests make in the engine carries it.
LABEL = "slipway.test=integration"
#: The environment's name for the machine's engine while DOCKER_HOST names another, see tests/rig/stores.py.
MACHINE_ENGINE = "SLIPWAY_TESTS_MACHINE_ENGINE"
#: Below those that the kernel and engines pick by themselves.
_PORTS = range(20000, 30000)
_CLAIMS: list[socket.socket] = []


def docker(
    *argv: str, check: bool = True, stdin: str = "", timeout: float = 120, env: Mapping[str, str] | None = None
) -> str:
    """Return the output of docker's CLI for the engine that the tests are about."""
    done = subprocess.run(["docker", *argv], input=stdin, capture_output=True, text=True, timeout=timeout, env=env)
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout.strip()


def machine_docker(*argv: str, check: bool = True, stdin: str = "", timeout: float = 120) -> str:
    """docker's CLI against the machine's own engine, where the rig's containers run."""
    return docker(*argv, check=check, stdin=stdin, timeout=timeout, env=machine_environment())


def machine_environment() -> dict[str, str]:
    """The environment, with DOCKER_HOST as it was before the tests set it."""
    named = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
    host = os.environ.get(MACHINE_ENGINE, os.environ.get("DOCKER_HOST", ""))
    return {**named, "DOCKER_HOST": host} if host else named


@contextlib.contextmanager
def machine_lock(name: str, *, shared: bool = False) -> Iterator[None]:
    """Only one test process of this machine is inside at a time, or any number of those that share the lock.

    A process takes its turn first, so that those who share the lock do not overtake one who waits for it alone.
    """
    folder = Path(tempfile.gettempdir())
    with (
        (folder / f"slipway-tests-{name}.turn").open("w") as turn,
        (folder / f"slipway-tests-{name}.lock").open("w") as file,
    ):
        fcntl.flock(turn, fcntl.LOCK_EX)
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        fcntl.flock(turn, fcntl.LOCK_UN)
        yield


def free_port() -> int:
    """A port of loopback that no other test process takes while this one lives, though nothing listens on it yet.

    It stays an engine's through a restart, which a port picked by the outer engine does not. The kernel picks none of
    these by itself. The name of an abstract socket, which ends with the process, says that a port is taken.
    """
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        claim = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError), socket.socket() as probe:
            claim.bind(f"\0slipway-tests-port-{port}")
            probe.bind(("127.0.0.1", port))
            _CLAIMS.append(claim)
            return port
        claim.close()
    raise AssertionError("no port is free")


def wait_until(holds: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    return wait_until


@pytest.fixture(scope="session")
def engine_address(_engine_under_test: None) -> str:
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
