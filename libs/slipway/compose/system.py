"""Read a resolved compose file: the services of a system, and which of their images belong to the stack. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.core.reference import full_name

#: A compose file after ``docker compose config --format json``.
Config = Mapping[str, Any]


@dataclass(frozen=True)
class Port:
    """Hold a published port: ``target`` in the container, ``published`` on the engine's machine.

    ``published`` is 0 where the file leaves the choice to the engine.
    """

    service: str
    target: int
    published: int
    protocol: str = "tcp"
    address: str = ""

    @property
    def key(self) -> str:
        """Return the port's name in a checkout's kept choices: ``app 4000/tcp``."""
        return f"{self.service} {self.target}/{self.protocol}"


@dataclass(frozen=True)
class Service:
    """Hold one service.

    ``image``: its full reference. ``built``: the image of this stack that it runs; empty for any other image.
    ``job``: whether the service may end. A job publishes no port, its file gives it no health check, and it is not
    restarted; or another service waits for its end.
    """

    name: str
    image: str
    built: str
    ports: tuple[Port, ...]
    job: bool


@dataclass(frozen=True)
class System:
    """Hold a system: its name, the resolved file, and the file's services."""

    name: str
    config: Config
    services: tuple[Service, ...]

    @property
    def built(self) -> tuple[str, ...]:
        """Return the images of this stack that the system runs, without duplicates."""
        return tuple(dict.fromkeys(service.built for service in self.services if service.built))

    @property
    def ports(self) -> tuple[Port, ...]:
        return tuple(port for service in self.services for port in service.ports)


def read_system(
    name: str, config: Config, references: Mapping[str, str], dockerfiles: Mapping[str, Mapping[str, str]], root: str
) -> System:
    """Return the system that a resolved file describes.

    ``references``: full reference → image of this stack. ``dockerfiles``: Dockerfile, as a path from the repository's
    root ``root`` → target → image of this stack. A service runs an image of the stack if it names one of the image's
    references, or builds its Dockerfile. The target decides where several images share a Dockerfile.
    """
    awaited = frozenset(_awaited(config))

    def services() -> Iterator[Service]:
        for called, service in sorted((config.get("services") or {}).items()):
            text = service.get("image") or ""
            image = full_name(text) if text else ""
            built = references.get(image, "") or _built(service, dockerfiles, root)
            ports = tuple(_ports(called, service))
            ends = called in awaited or not (ports or _probed(service) or _restarts(service))
            yield Service(called, image, built, ports, ends)

    return System(name, config, tuple(services()))


def _awaited(config: Config) -> Iterator[str]:
    """Yield the services whose end another service waits for."""
    for service in (config.get("services") or {}).values():
        for name, how in (service.get("depends_on") or {}).items():
            if how.get("condition") == "service_completed_successfully":
                yield name


def _built(service: Mapping[str, Any], dockerfiles: Mapping[str, Mapping[str, str]], root: str) -> str:
    """Return the image of this stack that a service builds itself, or an empty string."""
    targets = dockerfiles.get(_dockerfile(service, root), {})
    if len(targets) == 1:
        return next(iter(targets.values()))
    return targets.get(service["build"].get("target") or "", "") if targets else ""


def _dockerfile(service: Mapping[str, Any], root: str) -> str:
    """Return the Dockerfile that a service builds, as a path from the repository's root; else an empty string."""
    build = service.get("build")
    if not build:
        return ""
    path = posixpath.join(build.get("context", ""), build.get("dockerfile") or "Dockerfile")
    return posixpath.relpath(path, root)


def _ports(service: str, content: Mapping[str, Any]) -> Iterator[Port]:
    for one in content.get("ports") or ():
        first = str(one.get("published") or "").partition("-")[0]
        published = int(first) if first.isdecimal() else 0
        yield Port(service, int(one["target"]), published, one.get("protocol", "tcp"), one.get("host_ip", ""))


def _probed(service: Mapping[str, Any]) -> bool:
    check = service.get("healthcheck") or {}
    return bool(check.get("test")) and not check.get("disable")


def _restarts(service: Mapping[str, Any]) -> bool:
    return str(service.get("restart") or "no") in ("always", "unless-stopped")
