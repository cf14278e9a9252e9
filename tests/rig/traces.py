"""After every integration test: nothing of it is left, and the operator's own files are as they were.

A process that slipway starts inherits a token in its environment, so it is found wherever it went, and a
folder for temporary files that must be empty in the end.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slipway.core.image import RUN_LABEL
from slipway.smoke import orphans
from tests.rig.outside import machine_lock

TOKEN = "T_SLIPWAY"
_PATIENCE_SECONDS = 5.0
#: Of tests that run smoke tests in the machine's engine: each such run removes the orphans of any dead one.
SMOKE = pytest.mark.smoke
#: Of those that make orphans, or look for them: no other test may run smoke tests meanwhile.
SMOKE_ALONE = pytest.mark.smoke(alone=True)
#: Files in the operator's home that no run may touch.
_KEPT = (".docker/config.json", ".docker/contexts", ".ssh/known_hosts", ".ssh/config", ".gitconfig", ".netrc")


@dataclass(frozen=True)
class Traces:
    """Where a test's processes and temporary files are to be found: its token and its folder."""

    token: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that mark every process of this test, and keep its files in the test's own folder."""
        return {TOKEN: self.token, "TMPDIR": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder)}

    def processes(self) -> list[str]:
        """``pid command line`` of each living process that carries the token."""
        mark = f"{TOKEN}={self.token}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            if process.name != str(os.getpid()) and mark in _read(process / "environ").split(b"\0"):
                words = _read(process / "cmdline").decode(errors="replace").split("\0")
                found.append(" ".join([process.name, *words]))
        return found

    def end(self) -> None:
        """Kill what a failed test left running, for the sake of those that follow."""
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process.partition(" ")[0]), signal.SIGKILL)

    def files(self) -> list[str]:
        """Temporary files, relative to the folder."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))


@pytest.fixture
def traces(tmp_path: Path) -> Traces:
    folder = tmp_path / "temporary"
    folder.mkdir(exist_ok=True)
    return Traces(secrets.token_hex(6), folder)


@pytest.fixture(scope="session")
def engine_client(_engine_under_test: None) -> Iterator[Any]:
    """The docker SDK's client, for looking only."""
    import docker as sdk  # slow to import, and only integration tests use it

    client = sdk.from_env()
    yield client
    client.close()


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test after which a container, volume, network, process, port or temporary file of it is there."""
    if not request.node.get_closest_marker("integration"):
        yield
        return
    with _apart(request.node):
        yield from _watched(request)


@contextlib.contextmanager
def _apart(node: pytest.Item) -> Iterator[None]:
    """Keep a test that makes orphans and tests that remove them apart, in whichever processes they run."""
    smoke = node.get_closest_marker("smoke")
    if not smoke:
        yield
        return
    with machine_lock("smoke", shared=not smoke.kwargs.get("alone")):
        yield


def _watched(request: pytest.FixtureRequest) -> Iterator[None]:
    traces: Traces = request.getfixturevalue("traces")
    client = request.getfixturevalue("engine_client")
    kept, ports = _operators_files(), _own_ports()
    yield
    left: dict[str, Callable[[], list[Any]]] = {
        "in the engine": lambda: orphaned(client) if request.node.get_closest_marker("smoke") else [],
        "processes": traces.processes,
        "ports": lambda: sorted(_own_ports() - ports),
        "temporary files": traces.files,
    }
    found = {what: _lasting(look) for what, look in left.items()}
    traces.end()
    if found["in the engine"]:
        orphans.remove_orphans(client)
    assert not any(found.values()), f"left by the test: {found}"
    assert _operators_files() == kept, "the operator's own files changed"


def orphaned(client: Any) -> list[str]:
    """Containers, volumes and networks of runs whose process has ended."""
    found = made_by_runs(client)
    return [f"{name} {labels}" for name, labels in found if orphans.is_dead(labels.get(orphans.OWNER_LABEL, ""))]


def made_by_runs(client: Any) -> list[tuple[str, dict[str, str]]]:
    """Return the containers, networks and volumes of all runs: short id or name, and labels."""
    ours = {"label": RUN_LABEL}
    containers = client.api.containers(all=True, filters=ours)
    volumes = client.api.volumes(filters=ours)["Volumes"] or ()
    made = [(found["Id"][:12], found["Labels"]) for found in (*containers, *client.api.networks(filters=ours))]
    return [*made, *((found["Name"], found["Labels"]) for found in volumes)]


def _lasting(look: Callable[[], list[Any]]) -> list[Any]:
    """Return the traces that remain after a little patience: a killed process needs a moment to end."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _operators_files() -> dict[str, str]:
    """Path → digest of what is there."""
    home = Path.home()
    paths = [path for name in _KEPT for path in (home / name, *(home / name).rglob("*")) if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _own_ports() -> set[int]:
    """TCP ports that this very process listens on; those of others go with their processes and containers."""
    sockets, ports = set(), set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            sockets.add(str(entry.readlink()))
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        for line in _read(Path(table)).decode().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


def _read(path: Path) -> bytes:
    """A file of /proc, empty when its process has ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
