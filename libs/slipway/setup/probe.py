"""The machine as it is: the facts that setup and doctor decide on. Asks, never changes.

``look`` runs a handful of commands (0.3 s); everything else here turns their output into values.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.core.command import Command, Result
from slipway.core.errors import Problem, RefusedError
from slipway.core.objects import parse_object, part
from slipway.hosts.requirements import CLASSIC, first_version, image_store
from slipway.hosts.runner import Run
from slipway.registry import NO_ANSWER, Greeting
from slipway.setup.debian import Source, parse_os_release, read_sources

#: Asks the registry ``GET /v2/``. Raises RefusedError for its certificate.
Ping = Callable[[], Greeting]

LOCAL_SOCKETS = ("unix:///var/run/docker.sock", "unix:///run/docker.sock")
REGISTRY_CONTAINER = "slipway-registry"
OUR_IMAGES = "slipway-python"
_DOCKERD = ("/usr/sbin/dockerd", "/usr/bin/dockerd", "/usr/local/bin/dockerd")
_PID_FILES = {"/run/docker.pid": "dockerd", "/run/docker/containerd/containerd.pid": "containerd"}
_PROBE_SECONDS = 20.0
_ADDRESS = re.compile(r"(?:unix|tcp|ssh|npipe|https?)://[^\s\"']+")


@dataclass(frozen=True)
class Engine:
    """The engine that answers. ``driver`` and ``store``: the storage driver, and where images are kept on it;
    ``folder`` is its root directory, ``proxies`` those it uses itself."""

    version: str
    api: str
    driver: str = ""
    folder: str = ""
    proxies: tuple[str, ...] = ()
    store: str = CLASSIC


@dataclass(frozen=True)
class Container:
    """A container by its state (``running``, ``exited`` …) and the first port it publishes here, 0 for none."""

    state: str
    port: int


@dataclass(frozen=True)
class Machine:
    """Versions are ``""`` for what is not there; ``release`` is 0 when the system has no number.

    ``distrusted``: why the registry's certificate is refused; ``registry`` is no answer then.
    """

    system: str = ""
    release: int = 0
    codename: str = ""
    root: bool = False
    systemd: bool = False
    sources: tuple[Source, ...] = ()
    engine: Engine | None = None
    silence: str = ""
    address: str = LOCAL_SOCKETS[0]
    context: str = "default"
    client: bool = True
    dockerd: str = ""
    dockerd_path: str = _DOCKERD[0]
    stale: tuple[str, ...] = ()
    buildx: str = ""
    compose: str = ""
    rsync: str = ""
    ssh: bool = True
    mmdebstrap: bool = False
    python: str = ""
    images: frozenset[str] = frozenset()
    unreachable: str = ""
    registry: Greeting = NO_ANSWER
    distrusted: Problem | None = None
    container: Container | None = None

    @property
    def takes_packages(self) -> bool:
        """Whether setup may install here: Debian 12 or newer, as root, with Debian's own source."""
        return self.system == "debian" and self.root and self.release >= 12 and bool(self.sources)

    @property
    def own_image(self) -> str:
        """What the root image made from this machine's packages is called; empty while python3 is unknown."""
        return f"{OUR_IMAGES}:{self.python}-{self.codename}" if self.python and self.codename else ""


def look(run: Run, python_image: str, ping: Ping, docker_host: str = "") -> Machine:
    """Every fact, asked now. What cannot be asked counts as absent; raises nothing."""
    system, release, codename = _system()
    root = os.geteuid() == 0
    version = _ask(run, "docker", "version", "--format", "{{json .}}")
    info = parse_object(_ask(run, "docker", "info", "--format", "{{json .}}").stdout)
    client = part(info, "ClientInfo")
    engine = parse_engine(parse_object(version.stdout), info)
    address = _ADDRESS.search(version.stderr)
    images = _images(run, python_image) if engine else frozenset()
    python = _debian_python(run) if system == "debian" and root and python_image not in images else ""
    own = f"{OUR_IMAGES}:{python}-{codename}"
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
        stale=() if engine else stale_pid_files(Path("/")),
        buildx=_plugin(client, "buildx"),
        compose=_plugin(client, "compose"),
        rsync=first_version(_ask(run, "rsync", "--version").stdout),
        ssh=_ask(run, "ssh", "-V").exit_code != 127,
        mmdebstrap=Path("/usr/bin/mmdebstrap").exists(),
        python=python,
        images=images | (_images(run, own) if engine and python else frozenset()),
        registry=greeting,
        distrusted=distrusted,
        container=_container(run) if engine and not greeting.status else None,
    )


def free_bytes(run: Run, folder: str) -> int | None:
    """Free bytes of the file system that holds ``folder``; None when it cannot be seen from here."""
    lines = _ask(run, "df", "-Pk", folder).stdout.splitlines()
    fields = lines[-1].split() if len(lines) > 1 else []
    return int(fields[3]) * 1024 if len(fields) > 3 and fields[3].isdecimal() else None


def parse_engine(version: Mapping[str, Any], info: Mapping[str, Any]) -> Engine | None:
    """From ``docker version`` and ``docker info``, both as JSON; None when the server's half is missing."""
    server = part(version, "Server")
    if not server.get("Version"):
        return None
    proxies = (str(info[name]) for name in ("HttpProxy", "HttpsProxy", "NoProxy") if info.get(name))
    return Engine(
        version=str(server["Version"]),
        api=str(server.get("ApiVersion", "")),
        driver=str(info.get("Driver", "")),
        folder=str(info.get("DockerRootDir", "")),
        proxies=tuple(proxies),
        store=image_store(json.dumps(info.get("DriverStatus") or ())),
    )


def parse_container(text: str) -> Container | None:
    """From ``docker container inspect``; None when there is no such container."""
    try:
        found = json.loads(text)[0]
    except (ValueError, LookupError, TypeError):
        return None
    bindings = (part(found, "HostConfig").get("PortBindings") or {}).values()
    ports = [int(binding.get("HostPort") or 0) for binds in bindings for binding in binds or ()]
    return Container(str(part(found, "State").get("Status", "")), ports[0] if ports else 0)


def stale_pid_files(root: Path) -> tuple[str, ...]:
    """Pid files of dockerd and its containerd whose process is gone or another program's."""

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


def _debian_python(run: Run) -> str:
    """The python3 Debian would install, as ``3.11``."""
    match = re.search(r"Candidate: (\d+\.\d+)", _ask(run, "apt-cache", "policy", "python3").stdout)
    return match[1] if match else ""


def _images(run: Run, reference: str) -> frozenset[str]:
    found = _ask(run, "docker", "image", "inspect", "--format", "{{.Id}}", reference).ok
    return frozenset({reference} if found else ())


def _container(run: Run) -> Container | None:
    return parse_container(_ask(run, "docker", "container", "inspect", REGISTRY_CONTAINER).stdout)


def _greeting(ping: Ping) -> tuple[Greeting, Problem | None]:
    try:
        return ping(), None
    except RefusedError as error:
        return NO_ANSWER, error.problems[0]


def _ask(run: Run, *argv: str) -> Result:
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
