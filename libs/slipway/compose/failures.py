"""Recognize the errors of docker compose, and of the engine that it relays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from slipway.compose.platforms import ABSENT
from slipway.core.errors import Problem
from slipway.core.problems import Cause, Known, Table

_DETAIL = re.compile(r"^(?:time=\S+ level=\w+ msg=|Error response from daemon: |service \"[^\"]*\": )", re.IGNORECASE)
#: The errors that the absence of an image in the engine leads to.
_OF_IMAGES = ("image-missing", "registry-unreachable", "wrong-architecture", "compose-failed")
COMPOSE = Table(
    "docker compose",
    (
        Known(
            "port-taken",
            "port is already allocated|address already in use|ports are not available",
            hint="invoke up {system}: it takes the next free port; docker ps names the holder",
        ),
        Known(
            "image-missing",
            "no such image|pull access denied|manifest unknown|manifest for .* not found|repository does not exist",
            hint="docker pull {image}",
        ),
        Known(
            "wrong-architecture",
            "no matching manifest for|does not match the (?:specified|detected host) platform|exec format error",
            hint="platform: <the engine's platform> in the compose file, or PLATFORMS for your own images",
        ),
        Known("dependency-cycle", "dependency cycle|cycle found", hint="depends_on must not lead back"),
        Known(
            "file-missing",
            "bind source path does not exist|no such file or directory|not a directory",
            hint="create the file, or correct its path in the compose file",
        ),
        Known("file-unreadable", "permission denied", hint="make the file readable for you and for the engine"),
        Known(
            "network-missing",
            r"network \S+ declared as external, but could not be found",
            hint="docker network create <the name>",
        ),
        Known(
            "volume-missing",
            r"external volume \S+ not found",
            hint="docker volume create <the name>",
        ),
        Known(
            "networks-exhausted", "address pools have been fully subnetted|Pool overlaps", hint="docker network prune"
        ),
        Known(
            "registry-unreachable",
            'Get "https?://|failed to resolve reference|no such host',
            hint="docker pull {image}",
        ),
        Known("disk-full", "no space left on device", hint="docker system df"),
        Known(
            "read-only-service",
            "sole supported option",
            hint="file: <path> for the secret or config, or no read_only: true for the service",
        ),
        Known(
            "variable-missing",
            "required variable|required by (?:secret|config)",
            hint="<name>=<value> in .env or in the environment",
        ),
        Known(
            "engine-lost",
            "cannot connect to the docker daemon|error during connect|unexpected EOF|docker.sock",
            hint="invoke doctor",
        ),
    ),
    Known("compose-failed", hint="docker compose --file {file} config"),
)


class ServiceCause(Cause):
    """Name the reasons for which a service is not up, or has no shell."""

    ENDED = "service-ended", "Its container ended."
    OUT_OF_MEMORY = "out-of-memory", "Its container ended at its memory limit."
    RESTARTS = "restart-loop", "Its container ended and was started again, several times."
    NOT_STARTED = "service-not-started", "The engine cannot start its container."
    UNHEALTHY = "service-unhealthy", "Its container runs, and its health check does not succeed."
    WAITS = "service-waits", "It has no container: compose waits for the services that it depends on."
    NO_SHELL = "shell-missing", "No shell starts in its container."


def compose_problem(stderr: str, system: str, file: str, absent: Mapping[str, str] = MappingProxyType({})) -> Problem:
    """Return the problem that compose reports last on stderr.

    ``file``: the compose file, for the hint. ``absent``: image → the reason why compose had to pull it.
    """
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and "level=warning" not in line]
    said = _DETAIL.sub("", lines[-1]) if lines else "compose gave no reason"
    row = COMPOSE.find(said)
    if not absent or row.code not in _OF_IMAGES:
        return row.problem(f"up {system}", said, system=system, file=file, image="<the image>")
    if set(absent.values()) != {ABSENT}:
        row = COMPOSE["wrong-architecture"]
    about = ", ".join(f"{image}: {reason}" for image, reason in absent.items())
    return row.problem(about, said, system=system, file=file, image=next(iter(absent)))


def warnings(stderr: str) -> list[str]:
    """Return the messages of compose's warnings."""
    found = re.findall(r'level=warning msg="((?:[^"\\]|\\.)*)"', stderr)
    return [text.replace('\\"', '"') for text in found]
