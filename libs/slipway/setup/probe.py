"""Probe this machine for the facts that setup and doctor need. Changes nothing.

``look`` runs a few commands (0.2 s) and turns their output into values.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.core.command import Command, Result
from slipway.core.errors import Problem, RefusedError
from slipway.core.objects import parse_object, part
from slipway.core.threads import map_concurrently
from slipway.hosts.requirements import CLASSIC, first_version, image_store
from slipway.hosts.runner import RunCommand
from slipway.registry import NO_ANSWER, Greeting
from slipway.setup.debian import ROOT_IMAGE, AptSource, parse_os_release, read_sources
from slipway.setup.emulation import Emulation

#: Send ``GET /v2/`` to the registry. Raises RefusedError when its certificate is refused.
Ping = Callable[[], Greeting]

LOCAL_SOCKETS = ("unix:///var/run/docker.sock", "unix:///run/docker.sock")
REGISTRY_CONTAINER = "slipway-registry"
_DOCKERD = ("/usr/sbin/dockerd", "/usr/bin/dockerd", "/usr/local/bin/dockerd")
_ENGINE_SETTINGS = ("/etc/docker/daemon.json", "/etc/default/docker", "/etc/systemd/system/docker.service.d")
_PID_FILES = {"/run/docker.pid": "dockerd", "/run/docker/containerd/containerd.pid": "containerd"}
_QUESTIONS = (
    ("docker", "version", "--format", "{{json .}}"),
    ("docker", "info", "--format", "{{json .}}"),
    ("rsync", "--version"),
    ("ssh", "-V"),
)
_PROBE_SECONDS = 20.0
_ADDRESS = re.compile(r"(?:unix|tcp|ssh|npipe|https?)://[^\s\"']+")


@dataclass(frozen=True)
class EngineFound:
    """Hold the facts about the engine that answers.

    ``driver``: the storage driver. ``store``: the image store on this driver. ``folder``: the engine's root directory.
    ``proxies``: the proxies that the engine itself uses.
    """

    version: str
    api: str
    driver: str = ""
    folder: str = ""
    proxies: tuple[str, ...] = ()
    store: str = CLASSIC


@dataclass(frozen=True)
class RegistryContainer:
    """Hold a container's state (``running``, ``exited`` …) and the first port that it publishes.

    The port is 0 when it publishes none.
    """

    state: str
    port: int


@dataclass(frozen=True)
class Machine:
    """Hold the facts about this machine.

    The version of a missing program is ``""``. ``release`` is 0 when the system has no release number. ``distrusted``:
    the reason why the registry's certificate is refused; ``registry`` then holds no answer. ``engine_settings``: there
    are settings for an engine, which may name a mirror or a proxy for its pulls.
    """

    system: str = ""
    release: int = 0
    codename: str = ""
    root: bool = False
    systemd: bool = False
    sources: tuple[AptSource, ...] = ()
    engine: EngineFound | None = None
    silence: str = ""
    address: str = LOCAL_SOCKETS[0]
    context: str = "default"
    client: bool = True
    dockerd: str = ""
    dockerd_path: str = _DOCKERD[0]
    engine_settings: bool = False
    stale: tuple[str, ...] = ()
    buildx: str = ""
    compose: str = ""
    rsync: str = ""
    ssh: bool = True
    mmdebstrap: bool = False
    images: frozenset[str] = frozenset()
    unreachable: str = ""
    registry: Greeting = NO_ANSWER
    distrusted: Problem | None = None
    container: RegistryContainer | None = None
    emulation: Emulation = field(default_factory=Emulation)

    @property
    def takes_packages(self) -> bool:
        """Tell whether setup may install packages: Debian 12 or newer, as root, with Debian's own source."""
        return self.system == "debian" and self.root and self.release >= 12 and bool(self.sources)

    @property
    def is_bare(self) -> bool:
        """Tell whether setup will install the first engine of this machine."""
        return self.takes_packages and not (self.engine or self.dockerd or self.engine_settings)


def look(run: RunCommand, python_image: str, ping: Ping, docker_host: str = "") -> Machine:
    """Collect every fact now. A fact that cannot be determined counts as absent. Raises nothing."""
    system, release, codename = _system()
    root = os.geteuid() == 0
    version, described, rsync, ssh = map_concurrently(
        lambda argv: _ask(run, *argv), _QUESTIONS, at_once=len(_QUESTIONS)
    )
    info = parse_object(described.stdout)
    client = part(info, "ClientInfo")
    engine = parse_engine(parse_object(version.stdout), info)
    address = _ADDRESS.search(version.stderr)
    images = (_images(run, python_image) or _images(run, ROOT_IMAGE)) if engine else frozenset()
    greeting, distrusted = _greeting(ping)
    dockerd = next((path for path in _DOCKERD if Path(path).exists()), "")
    return Machine(
        system=system,
        release=release,
        codename=codename,
        root=root,
        systemd=Path("/run/systemd/system").is_dir(),
        sources=read_sources(Path("/etc/apt"), codename) if system == "debian" else (),
        engine=engine,
        silence="" if engine else _why(version),
        address=docker_host or (address[0].rstrip(".") if address else LOCAL_SOCKETS[0]),
        context=str(client.get("Context") or "default"),
        client=version.exit_code != 127,
        dockerd=first_version(_ask(run, dockerd, "--version").stdout) if dockerd and not engine else "",
        dockerd_path=dockerd or _DOCKERD[0],
        engine_settings=any(Path(folder).exists() for folder in _ENGINE_SETTINGS),
        stale=() if engine else stale_pid_files(Path("/")),
        buildx=_plugin(client, "buildx"),
        compose=_plugin(client, "compose"),
        rsync=first_version(rsync.stdout),
        ssh=ssh.exit_code != 127,
        mmdebstrap=Path("/usr/bin/mmdebstrap").exists(),
        images=images,
        registry=greeting,
        distrusted=distrusted,
        container=_container(run) if engine and not greeting.status else None,
    )


def silence_of(ping: Ping) -> str:
    """Return the fact that a registry does not answer; empty when it does, or when its certificate is refused."""
    greeting, distrusted = _greeting(ping)
    return "" if greeting.status or distrusted else f"its registry {greeting.problem}"


def free_bytes(run: RunCommand, folder: str) -> int | None:
    """Return the free bytes of the file system that holds ``folder``; None when ``df`` cannot see it."""
    lines = _ask(run, "df", "-Pk", folder).stdout.splitlines()
    fields = lines[-1].split() if len(lines) > 1 else []
    return int(fields[3]) * 1024 if len(fields) > 3 and fields[3].isdecimal() else None


def parse_engine(version: Mapping[str, Any], info: Mapping[str, Any]) -> EngineFound | None:
    """Parse the JSON of ``docker version`` and ``docker info``; None when the server's part is missing."""
    server = part(version, "Server")
    if not server.get("Version"):
        return None
    proxies = (str(info[name]) for name in ("HttpProxy", "HttpsProxy", "NoProxy") if info.get(name))
    return EngineFound(
        version=str(server["Version"]),
        api=str(server.get("ApiVersion", "")),
        driver=str(info.get("Driver", "")),
        folder=str(info.get("DockerRootDir", "")),
        proxies=tuple(proxies),
        store=image_store(json.dumps(info.get("DriverStatus") or ())),
    )


def parse_container(text: str) -> RegistryContainer | None:
    """Parse the output of ``docker container inspect``; None when there is no such container."""
    try:
        found = json.loads(text)[0]
    except (ValueError, LookupError, TypeError):
        return None
    bindings = (part(found, "HostConfig").get("PortBindings") or {}).values()
    ports = [int(binding.get("HostPort") or 0) for binds in bindings for binding in binds or ()]
    return RegistryContainer(str(part(found, "State").get("Status", "")), ports[0] if ports else 0)


def stale_pid_files(root: Path) -> tuple[str, ...]:
    """Return the pid files of dockerd and its containerd whose process has ended or is another program's."""

    def stale() -> Iterator[str]:
        for name, program in _PID_FILES.items():
            pid = _read(root / name.lstrip("/"))
            if pid and _read(root / "proc" / pid / "comm") != program:
                yield name

    return tuple(stale())


def _system() -> tuple[str, int, str]:
    if sys.platform != "linux":
        return sys.platform, 0, ""
    return parse_os_release(_read(Path("/etc/os-release")))


def _images(run: RunCommand, reference: str) -> frozenset[str]:
    found = _ask(run, "docker", "image", "inspect", "--format", "{{.Id}}", reference).ok
    return frozenset({reference} if found else ())


def _container(run: RunCommand) -> RegistryContainer | None:
    return parse_container(_ask(run, "docker", "container", "inspect", REGISTRY_CONTAINER).stdout)


def _greeting(ping: Ping) -> tuple[Greeting, Problem | None]:
    try:
        return ping(), None
    except RefusedError as error:
        return NO_ANSWER, error.problems[0]


def _ask(run: RunCommand, *argv: str) -> Result:
    return run(Command(argv, env={"LC_ALL": "C"}, label=" ".join(argv[:2])), timeout=_PROBE_SECONDS)


def _why(result: Result) -> str:
    if result.exit_code == 124:
        return f"no answer within {_PROBE_SECONDS:.0f} s"
    return (result.stderr.strip().splitlines() or [f"exit code {result.exit_code}"])[-1]


def _plugin(client: Mapping[str, Any], name: str) -> str:
    plugins = client.get("Plugins") or ()
    return next((str(plugin.get("Version", "")).lstrip("v") for plugin in plugins if plugin.get("Name") == name), "")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
