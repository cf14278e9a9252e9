"""Containers under test: run in a sandbox, watched until healthy, read out, removed with all they made.

Every function takes the docker SDK's client first; only ``engine`` imports the SDK. Its errors are ``OSError``s that
carry the engine's reply.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.errors import SmokeError, printable
from slipway.model import RUN_LABEL

NONCE = "SLIPWAY_RUN"
LOG_LINES = 20
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_NOT_FOUND = 404

#: A ``docker.DockerClient``.
Client = Any

_EXITS = {
    125: "the engine could not run it",
    126: "its command is not executable",
    127: "its command was not found",
    134: "aborted (SIGABRT)",
    137: "killed (SIGKILL)",
    139: "segmentation fault (SIGSEGV)",
    143: "ended by SIGTERM",
}


@dataclass(frozen=True)
class Sandbox:
    """What a container gets at most: memory as Docker writes it, processes, seconds until it must be healthy."""

    memory: str = "2g"
    processes: int = 512
    deadline: float = 90.0
    #: Seconds the health must hold once reached.
    hold: float = 1.0


@dataclass(frozen=True)
class Spec:
    """One container: ``image`` is an id; ``volumes`` maps a volume's name to its path; ``ports`` as ``8080/tcp``.

    ``scratch`` are paths that get a fresh volume of their own.
    """

    image: str
    name: str
    network: str
    alias: str
    labels: Mapping[str, str]
    env: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    scratch: Sequence[str] = ()
    ports: Sequence[str] = ()
    command: Sequence[str] = ()
    sandbox: Sandbox = Sandbox()


@dataclass(frozen=True)
class State:
    """What the engine says of a container. ``health`` is empty when its image declares no HEALTHCHECK."""

    status: str
    exit_code: int
    oom_killed: bool
    error: str
    health: str
    last_probe: str
    restarts: int

    @classmethod
    def of(cls, inspected: Mapping[str, Any]) -> State:
        state = inspected["State"]
        health = state.get("Health") or {}
        probes = health.get("Log") or [{}]
        return cls(
            status=state["Status"],
            exit_code=state["ExitCode"],
            oom_killed=state["OOMKilled"],
            error=state["Error"],
            health=health.get("Status", ""),
            last_probe=probes[-1].get("Output", "").strip(),
            restarts=inspected["RestartCount"],
        )

    @property
    def running(self) -> bool:
        return self.status == "running" and self.restarts == 0

    @property
    def healthy(self) -> bool:
        return self.running and self.health == "healthy"


def explain(name: str, what: str, state: State, log: str) -> str:
    """``what`` went wrong with ``name``, with all a person needs: exit code, memory, last probe, last log lines."""
    lines = [f"{name}: {what}"]
    if state.status in ("exited", "dead", "created") or state.exit_code:
        meaning = _EXITS.get(state.exit_code, "")
        lines.append(f"  exit code {state.exit_code}" + (f": {meaning}" if meaning else ""))
    if state.oom_killed:
        lines.append("  killed for memory: it reached its limit (OOM)")
    if state.restarts:
        lines.append(f"  restarted {state.restarts} times")
    if state.error:
        lines.append(f"  engine: {_first_line(state.error)}")
    if state.last_probe:
        lines.append("  last health probe:")
        lines += [f"    {line}" for line in state.last_probe.splitlines()[-5:]]
    tail = log.splitlines()[-LOG_LINES:]
    lines += [f"  last {len(tail)} log lines:", *(f"    {line}" for line in tail)] if tail else ["  no log lines"]
    return printable("\n".join(lines))


def create(client: Client, spec: Spec) -> str:
    """Create the container and return its id. Raises SmokeError when the engine refuses."""
    mounts = [_mount(path, spec.labels, name) for name, path in spec.volumes.items()]
    mounts += [_mount(path, spec.labels) for path in spec.scratch]
    try:
        created = client.containers.create(
            spec.image,
            list(spec.command) or None,
            name=spec.name,
            labels=dict(spec.labels),
            environment={**spec.env, NONCE: spec.labels[RUN_LABEL]},
            mounts=mounts,
            network=spec.network,
            networking_config={spec.network: client.api.create_endpoint_config(aliases=[spec.alias])},
            ports=dict.fromkeys(spec.ports, ("127.0.0.1", None)),
            read_only=True,
            tmpfs={"/tmp": ""},
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            mem_limit=spec.sandbox.memory,
            memswap_limit=spec.sandbox.memory,
            pids_limit=spec.sandbox.processes,
            init=True,
        )
    except OSError as error:
        raise SmokeError(f"{spec.alias}: the engine would not create the container: {reply(error)}") from error
    return str(created.id)


def start(client: Client, container: str, alias: str) -> None:
    """Start it; raises SmokeError that says why the engine could not."""
    try:
        client.api.start(container)
    except OSError as error:
        state = State.of(client.api.inspect_container(container))
        raise SmokeError(explain(alias, "it did not start", state, log(client, container))) from error


def wait_until_healthy(client: Client, container: str, alias: str, sandbox: Sandbox) -> None:
    """Return once the HEALTHCHECK is green and has held; raises SmokeError as soon as it no longer can be."""
    give_up = time.monotonic() + sandbox.deadline
    pause, green_since = _FIRST_PAUSE, 0.0
    while True:
        state, now = State.of(client.api.inspect_container(container)), time.monotonic()
        problem = _problem(state, was_green=bool(green_since))
        if not problem and state.healthy:
            green_since = green_since or now
            if now - green_since >= sandbox.hold:
                return
        elif not problem and now > give_up:
            problem = f"not healthy after {sandbox.deadline:.0f} s"
        if problem:
            raise SmokeError(explain(alias, problem, state, log(client, container)))
        time.sleep(min(pause, sandbox.hold) if green_since else pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def stop(client: Client, container: str, grace: int) -> float:
    """SIGTERM, and SIGKILL after ``grace`` seconds; returns the seconds until it had ended."""
    began = time.monotonic()
    try:
        client.api.stop(container, timeout=grace)
    except OSError as error:
        raise SmokeError(f"stop: {reply(error)}") from error
    return time.monotonic() - began


def port_of(client: Client, container: str, port: str) -> int:
    """The port on 127.0.0.1 that the engine picked for ``port`` (``8080/tcp``)."""
    published = client.api.inspect_container(container)["NetworkSettings"]["Ports"].get(port) or []
    for binding in published:
        if binding["HostIp"] == "127.0.0.1":
            return int(binding["HostPort"])
    raise SmokeError(f"port {port} is not published on 127.0.0.1: the container is not running")


def execute(client: Client, container: str, argv: Sequence[str]) -> tuple[int, str]:
    """Exit code and output (both streams) of a command run inside."""
    try:
        outcome = client.containers.get(container).exec_run(list(argv))
    except OSError as error:
        raise SmokeError(f"exec {' '.join(argv)}: {reply(error)}") from error
    return int(outcome.exit_code), outcome.output.decode("utf-8", "replace")


def log(client: Client, container: str) -> str:
    """All it wrote so far, both streams."""
    try:
        raw: bytes = client.api.logs(container, stdout=True, stderr=True)
    except OSError as error:
        return f"(the engine has no log: {reply(error)})"
    return raw.decode("utf-8", "replace")


def save(client: Client, container: str, directory: Path, name: str) -> Path:
    """Write ``name.log`` and ``name.state.json`` into ``directory``; returns the log's path. Made before removal."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.log"
    path.write_text(log(client, container), encoding="utf-8")
    with contextlib.suppress(OSError):
        state = client.api.inspect_container(container)["State"]
        (directory / f"{name}.state.json").write_text(json.dumps(state, indent=1), encoding="utf-8")
    return path


def remove(client: Client, container: str) -> None:
    """Remove it and its unnamed volumes, running or not; gone already is as good."""
    _unless_gone(lambda: client.api.remove_container(container, force=True, v=True))


def remove_volume(client: Client, name: str) -> None:
    _unless_gone(lambda: client.api.remove_volume(name, force=True))


def remove_network(client: Client, name: str) -> None:
    _unless_gone(lambda: client.api.remove_network(name))


def create_network(client: Client, name: str, marks: Mapping[str, str]) -> None:
    """A bridge whose packets get no outside address: siblings and this host are reached, nothing else is."""
    no_way_out = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    client.networks.create(name, driver="bridge", labels=dict(marks), options=no_way_out)


def reply(error: OSError) -> str:
    """The engine's own words for an error of the SDK, first line."""
    return printable(_first_line(str(getattr(error, "explanation", "") or error)))


def _problem(state: State, *, was_green: bool) -> str:
    if state.restarts:
        return "it restarted by itself"
    if state.status != "running":
        return "it was healthy and then stopped" if was_green else "it stopped before it was healthy"
    if not state.health:
        return "its image declares no HEALTHCHECK, so nothing can say that it works"
    if state.health == "unhealthy":
        return "its health check failed"
    return "it was healthy and is no longer" if was_green and not state.healthy else ""


def _mount(path: str, marks: Mapping[str, str], name: str = "") -> dict[str, object]:
    source = {"Source": name} if name else {}
    return {"Target": path, "Type": "volume", "VolumeOptions": {"Labels": dict(marks)}, **source}


def _unless_gone(action: Callable[[], object]) -> None:
    try:
        action()
    except OSError as error:
        if getattr(getattr(error, "response", None), "status_code", 0) != _NOT_FOUND:
            raise


def _first_line(text: str) -> str:
    lines: Iterable[str] = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line), "no reason given")
