"""Turn a resolved compose file into the one that runs: chosen ports, images by id, labels. Pure and deterministic."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from slipway.compose.files import slug
from slipway.compose.ports import Chosen
from slipway.compose.system import Config, System

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
#: Set on each container of a system: the system's name, and the checkout that runs it.
SYSTEM_LABEL = "slipway.system"
CHECKOUT_LABEL = "slipway.checkout"
#: Set on a container that runs an image of the stack: the image's name and its input digest.
IMAGE_LABEL = "slipway.image"
_LONGEST = 40


def project_name(checkout: str, system: str) -> str:
    """Return the project's name for a system of a checkout, such as ``shop-1f3c-cat-dog``.

    ``checkout``: the absolute path of the repository's root. Two checkouts of one repository get two names.
    """
    return f"{checkout_name(checkout)}-{slug(system)}"


def checkout_name(checkout: str) -> str:
    """Return a short name for a checkout: its folder, and four hexadecimal digits of its path's hash."""
    digits = hashlib.sha256(checkout.encode()).hexdigest()[:4]
    return f"{slug(checkout.rpartition('/')[2])[:_LONGEST]}-{digits}"


def running_file(
    system: System,
    project: str,
    checkout: str,
    images: Mapping[str, str],
    probed: Mapping[str, Mapping[str, Any]],
    ports: Iterable[Chosen],
) -> Config:
    """Return the compose file that runs.

    ``images``: image of the stack → its id in the engine. ``probed``: service → its image's HEALTHCHECK, as the engine
    reports it. A service with an image of the stack runs exactly that id, and nothing is pulled or built for it. A
    health check runs once a second until it first succeeds, unless the image or the file says otherwise.
    """
    config: dict[str, Any] = copy.deepcopy(dict(system.config))
    config["name"] = project
    chosen: dict[str, list[Chosen]] = {}
    for one in ports:
        chosen.setdefault(one.port.service, []).append(one)
    for service in system.services:
        content = config["services"][service.name]
        content.pop("container_name", None)
        content["labels"] = {
            **(content.get("labels") or {}),
            SYSTEM_LABEL: system.name,
            CHECKOUT_LABEL: checkout,
        }
        if service.built:
            content.pop("build", None)
            content["image"], content["pull_policy"] = images[service.built], "never"
            content["labels"][IMAGE_LABEL] = service.built
        _probe_often(content, probed.get(service.name) or {})
        for port, one in zip(content.get("ports") or (), chosen.get(service.name, ()), strict=True):
            port.pop("published", None)
            if one.port.published:
                port["published"] = str(one.port.published)
    return config


def _probe_often(content: dict[str, Any], check: Mapping[str, Any]) -> None:
    """Add ``start_interval`` where the health check of the file, else of the image, has none.

    The engine then probes once a second while the service starts. Without it, a healthy service waits a whole interval.
    """
    own: Mapping[str, Any] = content.get("healthcheck") or {}
    if own.get("disable") or not (own.get("test") or check.get("Test")):
        return
    image = {} if own.get("test") else check
    if own.get("start_interval") or image.get("StartInterval"):
        return
    period = {} if own.get("start_period") or image.get("StartPeriod") else {"start_period": "60s"}
    content["healthcheck"] = {**own, "start_interval": "1s", **period}
