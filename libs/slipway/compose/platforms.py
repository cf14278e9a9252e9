"""Compare an image's platform with the engine's machine, and with the platform that the compose file asks for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slipway.compose.system import System
from slipway.core.platform import Platform

#: The reason why compose must pull an image.
ABSENT = "not in the engine"
_WRONG_PROGRAM = "exec format error"


def platform_of(described: Mapping[str, Any]) -> Platform:
    """Return the platform of an image, from the engine's description."""
    parts = (described.get("Os", ""), described.get("Architecture", ""), described.get("Variant") or "")
    return Platform.read("/".join(parts))


def unavailable(system: System, found: Mapping[str, Mapping[str, Any]]) -> Mapping[str, str]:
    """Return image → the reason why the engine cannot start it, before compose pulls it.

    ``found``: service → the engine's description of its image; empty when the engine does not have it.
    """
    reasons: dict[str, str] = {}
    for service in system.services:
        image = found[service.name]
        wanted = system.config["services"][service.name].get("platform", "")
        if service.image and not image:
            reasons[service.image] = ABSENT
        elif wanted and image and Platform.read(wanted) != platform_of(image):
            had = f"the engine has it for {platform_of(image)}"
            reasons[service.image or service.built] = f"{had}, and the compose file asks for {wanted}"
    return reasons


def foreign_program(said: str, image: Mapping[str, Any], machine: str) -> str:
    """Return the cause when a container's program is for another architecture; empty for any other failure.

    ``said``: the words of the container and of the engine about the failure. ``machine``: the engine's platform.
    """
    if _WRONG_PROGRAM not in said.lower() or platform_of(image) == Platform.read(machine):
        return ""
    return f"its image is for {platform_of(image)}, and the engine's machine is {Platform.read(machine)}"
