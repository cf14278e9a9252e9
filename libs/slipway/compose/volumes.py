"""List and remove the volumes of a project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slipway.compose.containers import Client
from slipway.compose.running_file import PROJECT_LABEL


@dataclass(frozen=True)
class Volume:
    """Hold a volume's name, and its size in bytes; -1 when the engine does not tell it."""

    name: str
    size: int


def volumes_of(client: Client, project: str) -> tuple[Volume, ...]:
    """Return the project's volumes with their sizes, by name. The engine measures them: that may take seconds."""
    found = client.api.volumes(filters={"label": f"{PROJECT_LABEL}={project}"})["Volumes"] or ()
    names = {one["Name"] for one in found}
    sizes = {one["Name"]: (one.get("UsageData") or {}).get("Size", -1) for one in client.api.df()["Volumes"] or ()}
    return tuple(Volume(name, sizes.get(name, -1)) for name in sorted(names))


def remove_volumes(client: Client, volumes: Sequence[Volume]) -> None:
    """Remove volumes that no container uses."""
    for volume in volumes:
        client.api.remove_volume(volume.name)
