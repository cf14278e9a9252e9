"""Run containers under test in a sandbox, read their state and remove them.

The functions take the docker SDK's client as their first argument; only ``engine`` imports the SDK. The SDK's errors
are ``OSError``s that carry the engine's reply.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.config.smoke import SmokeRules
from slipway.core.errors import SmokeError, printable
from slipway.core.image import RUN_LABEL
from slipway.core.writing import written
from slipway.engine.container_state import State, explain, first_line
from slipway.secrets.redactor import Redactor
from slipway.smoke import entry_scripts
from slipway.smoke.advice import advice

NONCE = "SLIPWAY_RUN"
SECRETS = "/run/secrets"
_NOT_FOUND = 404
_NO_COMMAND = "no command specified"
#: Exit codes of a script whose interpreter is missing. They depend on the program that starts the script.
_NOT_FOUND_CODES = (2, 126, 127, 128)

#: A ``docker.DockerClient``.
Client = Any


@dataclass(frozen=True)
class Sandbox:
    """Hold a container's limits: memory in Docker's notation, processes, seconds until it must be healthy.

    The container must then stay healthy for ``probes`` probes in total, spread over ``hold`` seconds. Where nothing
    tells its health, it must stay up for ``steady`` seconds. ``slowness`` multiplies every time limit, for slow
    machines.
    """

    memory: str = "2g"
    processes: int = 512
    deadline: float = 90.0
    hold: float = 1.0
    probes: int = 3
    steady: float = 3.0
    slowness: float = 1.0


@dataclass(frozen=True)
class Spec:
    """Hold the settings of one container.

    ``image`` is an id. ``volumes`` maps a volume's name to its path in the container. ``ports`` are written as
    ``8080/tcp``. ``scratch``: paths that each get a new volume of their own. ``tmpfs``: paths that each get an
    empty folder in memory. ``secrets``: a folder on the engine's machine, or a volume's name. The container sees its
    content read-only in ``/run/secrets``. ``rules``: the table of its image. ``platform``: that of an image of several;
    empty for the engine's own.
    """

    image: str
    name: str
    network: str
    alias: str
    labels: Mapping[str, str]
    env: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    scratch: Sequence[str] = ()
    tmpfs: Sequence[str] = ()
    ports: Sequence[str] = ()
    command: Sequence[str] = ()
    secrets: str = ""
    sandbox: Sandbox = Sandbox()
    rules: SmokeRules = field(default_factory=SmokeRules)
    platform: str = ""


def create(client: Client, spec: Spec) -> str:
    """Create the container and return its id. Raises SmokeError when the engine refuses.

    It has no capabilities, except where its table lets it be root: then it has those that Docker gives.
    """
    mounts = [_mount(path, spec.labels, name) for name, path in spec.volumes.items()]
    mounts += [_mount(path, spec.labels) for path in spec.scratch]
    if spec.secrets:
        kind = "bind" if spec.secrets.startswith("/") else "volume"
        mounts.append({"Target": SECRETS, "Type": kind, "Source": spec.secrets, "ReadOnly": True})
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
            tmpfs=dict.fromkeys(("/tmp", *spec.tmpfs), ""),
            cap_drop=[] if spec.rules.root else ["ALL"],
            security_opt=["no-new-privileges:true"],
            mem_limit=spec.sandbox.memory,
            memswap_limit=spec.sandbox.memory,
            pids_limit=spec.sandbox.processes,
            init=True,
            platform=spec.platform or None,
        )
    except OSError as error:
        why = f"{spec.alias}: the engine would not create the container: {reply(error)}"
        more = f'; command = ["…"] in {spec.rules.header} sets one' if _NO_COMMAND in reply(error) else ""
        raise SmokeError(why + more) from error
    return str(created.id)


def start(client: Client, container: str, spec: Spec) -> None:
    """Start the container. Raises SmokeError with the reason when the engine cannot start it."""
    try:
        client.api.start(container)
    except OSError as error:
        state = State.of(client.api.inspect_container(container))
        raise failure(client, container, spec, "it did not start", state) from error


def stop(client: Client, container: str, grace: int) -> float:
    """Send SIGTERM, and SIGKILL after ``grace`` seconds. Return the seconds until the container had ended."""
    began = time.monotonic()
    try:
        client.api.stop(container, timeout=grace)
    except OSError as error:
        raise SmokeError(f"stop: {reply(error)}") from error
    return time.monotonic() - began


def kill(client: Client, container: str) -> None:
    """Send SIGKILL to all processes of the container, and return once it has ended."""
    try:
        client.api.kill(container, "SIGKILL")
        client.api.wait(container)
    except OSError as error:
        raise SmokeError(f"kill: {reply(error)}") from error


def pause(client: Client, container: str) -> None:
    """Freeze all processes of the container until ``unpause``."""
    try:
        client.api.pause(container)
    except OSError as error:
        raise SmokeError(f"pause: {reply(error)}") from error


def unpause(client: Client, container: str) -> None:
    try:
        client.api.unpause(container)
    except OSError as error:
        raise SmokeError(f"unpause: {reply(error)}") from error


def port_of(client: Client, container: str, port: str) -> int:
    """Return the port on 127.0.0.1 that the engine chose for ``port`` (``8080/tcp``).

    Raises SmokeError when the port is not published on 127.0.0.1.
    """
    published = client.api.inspect_container(container)["NetworkSettings"]["Ports"].get(port) or []
    for binding in published:
        if binding["HostIp"] == "127.0.0.1":
            return int(binding["HostPort"])
    raise SmokeError(f"port {port} is not published on 127.0.0.1: the container is not running")


def execute(client: Client, container: str, argv: Sequence[str]) -> tuple[int, str]:
    """Run a command inside the container, and return its exit code and its output (both streams).

    The SDK's own ``exec_run`` reads the socket behind the reply's buffer, and loses output that came with the headers.
    """
    api = client.api
    try:
        command = api.exec_create(container, list(argv))["Id"]
        url, started = f"{api.base_url}/exec/{command}/start", {"Detach": False, "Tty": False}
        answer = api.post(url, json=started, timeout=None)
        answer.raise_for_status()
        code = int(api.exec_inspect(command)["ExitCode"])
    except OSError as error:
        raise SmokeError(f"exec {' '.join(argv)}: {reply(error)}") from error
    return code, _unframed(answer.content).decode("utf-8", "replace")


def _unframed(stream: bytes) -> bytes:
    """Return the output in a stream of frames: eight bytes, of which the last four are the length, then the content."""
    found, at = [], 0
    while at + 8 <= len(stream):
        length = int.from_bytes(stream[at + 4 : at + 8], "big")
        found.append(stream[at + 8 : at + 8 + length])
        at += 8 + length
    return b"".join(found)


def users(client: Client, container: str) -> frozenset[str]:
    """Return the user ids of the container's processes, from the ``ps`` of the engine's machine.

    If no ``ps`` works, return the user that the container was started as: no-new-privileges lets no process become
    another user.
    """
    for columns in ("-eo pid,uid", None):  # BusyBox's ps has no such column
        try:
            seen = client.api.top(container, columns)
        except OSError:
            continue
        place = next(place for place, title in enumerate(seen["Titles"]) if title in ("UID", "USER"))
        return frozenset(_uid(row[place]) for row in seen["Processes"] or ())
    return frozenset({_uid(client.api.inspect_container(container)["Config"].get("User") or "")})


def _uid(user: str) -> str:
    uid = user.partition(":")[0]
    return "0" if uid in ("", "root") else uid


def failure(client: Client, container: str, spec: Spec, what: str, state: State) -> SmokeError:
    """Return the error of a container: its state, its log, and the fault of its entry script if there is one.

    A line of the image's table that would help is named, too.
    """
    cause = entry_scripts.fault(client, container) if state.exit_code in _NOT_FOUND_CODES else ""
    said, user = log(client, container), str(client.api.inspect_container(container)["Config"].get("User") or "")
    return SmokeError(explain(spec.alias, what, state, said, cause, advice(spec.rules, state, said, user)))


def log(client: Client, container: str, since: float | None = None) -> str:
    """Return everything that the container has written so far, or after ``since`` (seconds since 1970)."""
    try:
        raw: bytes = client.api.logs(container, stdout=True, stderr=True, since=since)
    except OSError as error:
        return f"(the engine has no log: {reply(error)})"
    return raw.decode("utf-8", "replace")


def save(client: Client, container: str, directory: Path, name: str, redact: Redactor) -> Path:
    """Write ``name.log`` and ``name.state.json`` into ``directory``, and return the log's path.

    Call it before the container is removed.
    """
    with written(directory):
        directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.log"
    _write(path, redact(log(client, container)))
    with contextlib.suppress(OSError):
        state = client.api.inspect_container(container)["State"]
        _write(directory / f"{name}.state.json", json.dumps(redact.all(state), indent=1))
    return path


def remove(client: Client, container: str) -> None:
    """Remove the container, running or not, and its unnamed volumes. A missing container is not an error."""
    _unless_gone(lambda: client.api.remove_container(container, force=True, v=True))


def create_volume(client: Client, name: str, marks: Mapping[str, str], megabytes: int) -> None:
    """Create a volume of this size that lies in memory, and that every user can write to. Raises SmokeError."""
    options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={megabytes}m,mode=1777"}
    try:
        client.volumes.create(name, driver="local", driver_opts=options, labels=dict(marks))
    except OSError as error:
        raise SmokeError(f"the engine did not create the volume {name}: {reply(error)}") from error


def remove_volume(client: Client, name: str) -> None:
    _unless_gone(lambda: client.api.remove_volume(name, force=True))


def remove_network(client: Client, name: str) -> None:
    _unless_gone(lambda: client.api.remove_network(name))


def fill_volume(client: Client, name: str, spec: Spec, archive: bytes) -> None:
    """Create a volume with the content of ``archive``, a tar. Raises SmokeError.

    A container of the image receives the archive. This container is never started.
    """
    mount = {**_mount(SECRETS, spec.labels, name), "VolumeOptions": {"NoCopy": True, "Labels": dict(spec.labels)}}
    holder = f"{name}-holder"
    try:
        client.containers.create(spec.image, name=holder, labels=dict(spec.labels), mounts=[mount], network="none")
        client.api.put_archive(holder, SECRETS, archive)
    except OSError as error:
        raise SmokeError(f"{spec.alias}: its secrets: {reply(error)}") from error
    finally:
        remove(client, holder)


def create_network(client: Client, name: str, marks: Mapping[str, str]) -> None:
    """Create a bridge network whose packets get no outside address.

    Its containers reach each other and the engine's machine, but nothing else.
    """
    no_way_out = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    client.networks.create(name, driver="bridge", labels=dict(marks), options=no_way_out)


def reply(error: OSError) -> str:
    """Return the first line of the engine's own message in an error of the SDK."""
    return printable(first_line(str(getattr(error, "explanation", "") or error)))


def _write(path: Path, text: str) -> None:
    """Write a file that only this user can read."""
    with written(path):
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")


def _mount(path: str, marks: Mapping[str, str], name: str = "") -> dict[str, object]:
    source = {"Source": name} if name else {}
    return {"Target": path, "Type": "volume", "VolumeOptions": {"Labels": dict(marks)}, **source}


def _unless_gone(action: Callable[[], object]) -> None:
    try:
        action()
    except OSError as error:
        if getattr(getattr(error, "response", None), "status_code", 0) != _NOT_FOUND:
            raise
