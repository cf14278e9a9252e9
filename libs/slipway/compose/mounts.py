"""Find the files of this machine that a resolved compose file mounts into containers. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.compose.system import Config
from slipway.hosts.host import MountKind, MountSource

#: The part of a compose file that defines what a service names in its list of the same name.
_PARTS = {MountKind.SECRET: "secrets", MountKind.CONFIG: "configs"}


@dataclass(frozen=True)
class Mount:
    """Hold a file or folder that a service mounts.

    ``name``: the name of a secret or config; the path in the container for a bind mount. ``made``: the engine makes a
    folder where the source is missing. ``user``: the user that the file gives the service; empty for the image's own.
    """

    service: str
    name: str
    source: MountSource
    made: bool = False
    user: str = ""

    def __str__(self) -> str:
        return f"{self.source.kind} {self.name}"


def mounts_of(config: Config) -> Iterator[Mount]:
    """Yield the bind mounts of each service, and the secrets and configs that come from files."""
    for service, content in sorted((config.get("services") or {}).items()):
        user = str(content.get("user") or "")
        for volume in _binds(content):
            made = bool((volume.get("bind") or {}).get("create_host_path"))
            source = MountSource(volume.get("source", ""), MountKind.BIND)
            yield Mount(service, volume.get("target", ""), source, made, user)
        for kind, part in _PARTS.items():
            for name, defined in _used(config, content, part):
                if file := defined.get("file"):
                    yield Mount(service, name, MountSource(file, kind), user=user)


def variables_of(config: Config, *kinds: MountKind) -> frozenset[str]:
    """Return the environment variables from which compose copies secrets and configs into containers."""
    return frozenset(
        defined["environment"]
        for content in (config.get("services") or {}).values()
        for kind in kinds
        for _, defined in _used(config, content, _PARTS[kind])
        if defined.get("environment")
    )


def on_build_host(config: Config, paths: Mapping[MountSource, str]) -> Config:
    """Return the file with the path on the build host of each source in ``paths``.

    The other bind mounts mean paths of the build host. The engine makes no folder there in place of a missing path.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(config))
    for content in (changed.get("services") or {}).values():
        for volume in _binds(content):
            source = MountSource(volume.get("source", ""), MountKind.BIND)
            volume["source"] = paths.get(source, source.path)
            volume["bind"] = {**(volume.get("bind") or {}), "create_host_path": False}
    for kind, part in _PARTS.items():
        for defined in (changed.get(part) or {}).values():
            if file := defined.get("file"):
                defined["file"] = paths.get(MountSource(file, kind), file)
    return changed


def _used(config: Config, service: Mapping[str, Any], part: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name and the definition of each secret or config that a service uses."""
    for reference in service.get(part) or ():
        name = reference["source"]
        yield name, (config.get(part) or {}).get(name) or {}


def _binds(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return (volume for volume in content.get("volumes") or () if volume.get("type") == "bind")
