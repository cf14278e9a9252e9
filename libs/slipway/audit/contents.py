"""Read the layers of an image from the engine, and name the image that brought each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slipway.audit.inventory import Inventory, take_inventory
from slipway.core.errors import UsageError
from slipway.engine import Engine
from slipway.smoke.image_archive import Chunks, Layer
from slipway.smoke.layer_cache import LayerCache


@dataclass(frozen=True)
class Contents:
    """Hold an image of the engine: its id, its platform (``linux/arm64``), and its layers, lowest first."""

    id: str
    platform: str
    layers: tuple[Layer, ...]

    @property
    def inventory(self) -> Inventory:
        return take_inventory(self.layers, self.platform.split("/")[1])


@dataclass(frozen=True)
class Below:
    """Hold an image on which another stands: its name, and the diff ids of its layers, lowest first."""

    name: str
    chain: tuple[str, ...]


def read_contents(engine: Engine, image: str, cache: LayerCache) -> Contents:
    """Return the contents of an image by reference or id. The engine streams the layers that ``cache`` does not have.

    Raises UsageError when the engine does not have the image, and PolicyError for a layer that cannot be read.
    """
    said = engine.get(f"/images/{image}/json")
    if said is None:
        raise UsageError(f"{image}: the engine has no such image", hint=f"docker pull {image}")
    found = str(said["Id"])
    with engine.told(f"read {image}"):
        layers = cache.layers(_chain(said), lambda: Chunks(engine.client.api.get_image(found)))
    return Contents(found, f"{said.get('Os', '')}/{said.get('Architecture', '')}", layers)


def read_below(engine: Engine, name: str, image: str) -> Below | None:
    """Return the image ``name``, which ``image`` identifies in the engine; None when the engine does not have it."""
    said = engine.get(f"/images/{image}/json")
    return Below(name, _chain(said)) if said else None


def origin(layer: int, chain: Sequence[str], below: Sequence[Below], own: str) -> str:
    """Return the name of the lowest image that has the layer with this number (the lowest is 1), and all below it.

    ``below``: the images on which the image ``own``, whose layers are ``chain``, stands, lowest first.
    """
    part = tuple(chain[:layer])
    return next((one.name for one in below if one.chain[:layer] == part), own)


def _chain(said: dict[str, dict[str, list[str]]]) -> tuple[str, ...]:
    return tuple((said.get("RootFS") or {}).get("Layers") or ())
