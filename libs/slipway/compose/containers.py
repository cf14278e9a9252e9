"""Read a project's containers from the engine: states, logs, use of memory and processors.

The functions take ``Engine.get`` as their first argument.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from slipway.compose.running_file import PROJECT_LABEL, SERVICE_LABEL
from slipway.core.clock import CLOCK, Clock
from slipway.core.errors import RegistryError, UpError
from slipway.engine import Engine
from slipway.engine.address import API_VERSION
from slipway.engine.container_state import State

#: Sends ``GET`` with this path to the engine, and returns the answer's JSON; None for 404.
Get = Callable[[str], Any]
#: A ``docker.DockerClient``.
Client = Any
_API = f"/v{API_VERSION}"
_FRESH_SECONDS = 1.0


@dataclass(frozen=True)
class Found:
    """Hold a container of a project: its id, name, service, labels, the id of its image, its state and its ports.

    ``started``: the time of its last start, as the engine writes it. ``ports``: ``4000/tcp`` → (address, port).
    """

    id: str
    name: str
    service: str
    labels: Mapping[str, str]
    image: str
    state: State
    started: str
    ports: Mapping[str, tuple[str, int]]

    @classmethod
    def of(cls, inspected: Mapping[str, Any]) -> Found:
        labels = inspected["Config"].get("Labels") or {}
        published = (inspected.get("NetworkSettings") or {}).get("Ports") or {}
        return cls(
            id=inspected["Id"],
            name=inspected["Name"].lstrip("/"),
            service=labels.get(SERVICE_LABEL, ""),
            labels=labels,
            image=inspected["Image"],
            state=State.of(inspected),
            started=inspected["State"].get("StartedAt", ""),
            ports={
                port: (bindings[0]["HostIp"], int(bindings[0]["HostPort"]))
                for port, bindings in published.items()
                if bindings
            },
        )


@dataclass(frozen=True)
class Use:
    """Hold the memory in bytes that a container uses, and its share of one processor (1.0 is a whole one)."""

    memory: int
    processor: float


@contextmanager
def engine_errors(engine: Engine, what: str) -> Iterator[None]:
    """Convert the exceptions of the docker SDK in the block into slipway's errors, about ``what``.

    Raises UpError for a refusal of the engine, and PrerequisiteError when the engine is lost.
    """
    try:
        with engine.told(what):
            yield
    except RegistryError as error:
        raise UpError.of(error.problems) from None


def listed(get: Get, label: str = "") -> list[Mapping[str, Any]]:
    """Return the engine's list of all containers, ended ones too; with ``label`` only those that have it."""
    found: list[Mapping[str, Any]] = get(f"{_API}/containers/json?{_words(label, all=1)}")
    return found


def _words(label: str, **others: int) -> str:
    """Return the words of a request's path that ask for what has ``label``."""
    return urlencode({**others, **({"filters": json.dumps({"label": [label]})} if label else {})})


def of_project(get: Get, project: str) -> tuple[Found, ...]:
    """Return the containers of a project by service and name. A container that is removed meanwhile is left out."""
    return looking(get, project)()


def looking(get: Get, project: str, clock: Clock = CLOCK) -> Callable[[], tuple[Found, ...]]:
    """Return a function that returns the containers of a project as they are now, to be called again and again.

    It inspects a running container when the engine lists its health in another way than before, and otherwise once a
    second: more requests would slow the start of the services on a machine of two processors.
    """
    known: dict[str, tuple[str, float, Found]] = {}

    def look() -> tuple[Found, ...]:
        now, current = clock.now(), {}
        for one in listed(get, f"{PROJECT_LABEL}={project}"):
            before, at, found = known.get(one["Id"], ("", 0.0, None))
            health = one["Status"].partition("(")[2]  # "Up 3 seconds (health: starting)" changes every second
            if one["State"] != "running" or health != before or not found or now - at >= _FRESH_SECONDS:
                at, found = now, _inspected(get, one["Id"])
            if found:
                current[one["Id"]] = health, at, found
        known.clear()
        known.update(current)
        return tuple(sorted((found for _, _, found in current.values()), key=lambda one: (one.service, one.name)))

    return look


def _inspected(get: Get, container: str) -> Found | None:
    """Return a container; None for one that is removed meanwhile."""
    found = get(f"{_API}/containers/{container}/json")
    return Found.of(found) if found else None


def has_parts(get: Get, project: str) -> bool:
    """Tell whether the engine has containers or networks of a project."""
    label = f"{PROJECT_LABEL}={project}"
    return bool(listed(get, label) or get(f"{_API}/networks?{_words(label)}"))


def by_service(containers: Sequence[Found]) -> dict[str, list[Found]]:
    found: dict[str, list[Found]] = {}
    for one in containers:
        found.setdefault(one.service, []).append(one)
    return found


def use_of(get: Get, container: str, *, once: bool = True) -> Use:
    """Return a container's use. With ``once`` the engine measures no processor time, which takes a second."""
    return use(get(f"{_API}/containers/{container}/stats?stream=0&one-shot={int(once)}") or {})


def use(stats: Mapping[str, Any]) -> Use:
    """Return the use from the engine's statistics, as ``docker stats`` computes it: memory without the file cache.

    Source: docker/cli, cli/command/container/stats_helpers.go.
    """
    memory = stats.get("memory_stats") or {}
    details = memory.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    used = max(int(memory.get("usage", 0)) - int(cache), 0)
    now, before = stats.get("cpu_stats") or {}, stats.get("precpu_stats") or {}
    spent = _total(now) - _total(before)
    whole = int(now.get("system_cpu_usage", 0)) - int(before.get("system_cpu_usage", 0))
    share = spent / whole * int(now.get("online_cpus", 1)) if whole > 0 and spent > 0 and _total(before) else 0.0
    return Use(used, share)


def _total(cpu: Mapping[str, Any]) -> int:
    return int((cpu.get("cpu_usage") or {}).get("total_usage", 0))


def inspect_image(get: Get, image: str) -> Mapping[str, Any]:
    """Return the engine's description of an image; empty when the engine does not have it."""
    found: Mapping[str, Any] = (get(f"{_API}/images/{image}/json") if image else None) or {}
    return found


def health_check(image: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the HEALTHCHECK of an image that the engine describes; empty when it has none."""
    check: Mapping[str, Any] = (image.get("Config") or {}).get("Healthcheck") or {}
    return check
