"""Give a test a running system: its addresses, and its services to stop, kill and pause."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from slipway.compose.containers import Found, of_project
from slipway.core.command import Command
from slipway.core.errors import SmokeError
from slipway.hosts.runner import run

_PAUSE = 0.1


@dataclass(frozen=True)
class RunningSystem:
    """Hold a system that is up under a project name of its own.

    ``urls``: service → the addresses of its published ports.
    """

    name: str
    project: str
    urls: Mapping[str, tuple[str, ...]]
    client: Any = field(repr=False)

    def _get(self, path: str) -> Any:
        """Return the JSON with which the engine answers ``GET path``; None for 404."""
        api = self.client.api
        reply = api.get(f"{api.base_url}{path}")
        if reply.status_code == HTTPStatus.NOT_FOUND:
            return None
        reply.raise_for_status()
        return reply.json()

    def url(self, service: str) -> str:
        """Return the first address of a service. Raises SmokeError when it publishes no port."""
        found = self.urls.get(service, ())
        if not found:
            raise SmokeError(f"{service}: publishes no port; services with ports: {', '.join(sorted(self.urls))}")
        return found[0]

    def service(self, name: str) -> RunningService:
        """Return a service. Raises SmokeError when it has no container."""
        found = [one for one in of_project(self._get, self.project) if one.service == name]
        if not found:
            raise SmokeError(f"{name}: has no container in {self.name}")
        return RunningService(self.client, found[0])


@dataclass(frozen=True)
class RunningService:
    """Hold the container of a service, to disturb it."""

    client: Any = field(repr=False)
    container: Found

    def kill(self) -> None:
        """Kill the container (SIGKILL). Its restart policy does not count a kill from outside as a reason."""
        self.client.api.kill(self.container.id)

    def start(self) -> None:
        self.client.api.start(self.container.id)

    def stop(self) -> None:
        self.client.api.stop(self.container.id)

    def pause(self) -> None:
        """Freeze all processes of the container."""
        self.client.api.pause(self.container.id)

    def unpause(self) -> None:
        self.client.api.unpause(self.container.id)

    def logs(self) -> str:
        raw: bytes = self.client.api.logs(self.container.id)
        return raw.decode("utf-8", "replace")

    def run(self, *argv: str) -> str:
        """Run a command in the container, and return its output. Raises SmokeError when it fails."""
        created = self.client.api.exec_create(self.container.id, list(argv))
        said: bytes = self.client.api.exec_start(created["Id"])
        code = self.client.api.exec_inspect(created["Id"])["ExitCode"]
        text = said.decode("utf-8", "replace")
        if code:
            raise SmokeError(f"{self.container.service}: {argv[0]}: exit code {code}: {text.strip()[-500:]}")
        return text

    def wait_until_healthy(self, seconds: float = 60.0) -> None:
        """Wait until the container is healthy. Raises SmokeError after ``seconds``."""
        end = time.monotonic() + seconds
        while (state := Found.of(self.client.api.inspect_container(self.container.id)).state).health != "healthy":
            if time.monotonic() > end:
                raise SmokeError(f"{self.container.service}: not healthy after {seconds:.0f} s; {state.last_probe}")
            time.sleep(_PAUSE)


@contextmanager
def running_system(root: Path, name: str, client: Any) -> Iterator[RunningSystem]:
    """Bring a system up under a project name of its own, and take it down with its volumes.

    Raises SmokeError with slipway's own words when it does not come up.
    """
    project = f"test-{name}-{secrets.token_hex(3)}"
    try:
        content = json.loads(_slipway(root, "up", name, "--project", project, "--json"))
        urls = {row["service"]: tuple(row["urls"]) for row in content["services"] if row["urls"]}
        yield RunningSystem(name, project, urls, client)
    finally:
        _slipway(root, "down", name, "--project", project, "--volumes", "--yes")


def _slipway(root: Path, *words: str) -> str:
    done = run(Command((sys.executable, "-m", "slipway.tasks", *words), cwd=str(root)))
    if not done.ok:
        raise SmokeError(f"slipway {' '.join(words)}: exit code {done.exit_code}\n{done.stderr.strip()}")
    return done.stdout
