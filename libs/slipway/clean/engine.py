"""Look for images and for leftovers of tests in the engine, and remove them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from slipway.clean.images import Going, choose_images
from slipway.clean.items import Doomed, Item, Kind, Stay, seconds_since_1970
from slipway.clean.layers import Chain, freed, layer_sizes
from slipway.clean.needed import Needed
from slipway.core.image import LocalImage
from slipway.core.reference import full_name
from slipway.core.threads import map_concurrently
from slipway.engine import Engine
from slipway.smoke.orphans import Orphan, find_orphans

#: The number of concurrent requests for images.
_QUESTIONS = 8


def used_images(engine: Engine) -> frozenset[str]:
    """Return the ids and the full names of the images that containers use, running or not."""
    found = engine.get("/containers/json?all=1") or ()
    return frozenset({str(one["ImageID"]) for one in found} | {full_name(str(one["Image"])) for one in found})


def look_at_images(engine: Engine, needed: Needed, before: float) -> tuple[list[Doomed], Counter[Stay]]:
    """Return the images that go, and how many stay for each reason.

    A build from the cache makes an image of today with the date of its first build. So the time of the last tag counts,
    too; the engine tells it of one image at a time.
    """
    images = engine.images()
    old = [going.image.id for going in choose_images(images, needed, before).goes]
    tagged = dict(zip(old, map_concurrently(partial(_tagged, engine), old, at_once=_QUESTIONS), strict=True))
    dated = [replace(image, created=max(image.created, tagged.get(image.id, 0))) for image in images]
    choice = choose_images(dated, needed, before)
    sizes = _freed(engine, images, choice.goes)
    items = [Item(Kind.IMAGE, _shown(going), size) for going, size in zip(choice.goes, sizes, strict=True)]
    return [
        Doomed(item, partial(_remove, engine, going)) for item, going in zip(items, choice.goes, strict=True)
    ], choice.stays


def _tagged(engine: Engine, image: str) -> int:
    """Return the time at which an image got its last tag, in seconds since 1970; 0 if it never did."""
    said = engine.get(f"/images/{image}/json") or {}
    return max(0, int(seconds_since_1970(str((said.get("Metadata") or {}).get("LastTagTime", "")))))


def _shown(going: Going) -> str:
    return ", ".join(name if name != going.image.id else name[:19] for name in going.names)


def _remove(engine: Engine, going: Going) -> str | None:
    """Remove the names of an image, unless one of them stands for another image by now."""
    for name in going.names:
        if (found := engine.find(name)) not in ("", going.image.id):
            return f"{name} stands for {found[:19]} by now"
        engine.remove(name)
    return None


def _freed(engine: Engine, images: Sequence[LocalImage], goes: Sequence[Going]) -> list[int]:
    """Return the bytes that go with each image: those of layers that no other image of the engine has."""
    if not goes:
        return []
    ids = list(dict.fromkeys(image.id for image in images))
    layers = dict(zip(ids, map_concurrently(partial(_layers, engine), ids, at_once=_QUESTIONS), strict=True))
    whole = [going.image.id for going in goes if going.whole]
    chains = map_concurrently(lambda one: _chain(engine, one, layers[one]), whole, at_once=_QUESTIONS)
    sizes = dict(zip(whole, freed(chains, [layers[one] for one in ids if one not in whole]), strict=True))
    return [sizes.get(going.image.id, 0) for going in goes]


def _layers(engine: Engine, image: str) -> tuple[str, ...]:
    """Return the diff ids of an image's layers; none for an image that is gone."""
    said = engine.get(f"/images/{image}/json") or {}
    return tuple((said.get("RootFS") or {}).get("Layers") or ())


def _chain(engine: Engine, image: str, layers: tuple[str, ...]) -> Chain:
    history: Sequence[Mapping[str, Any]] = engine.get(f"/images/{image}/history") or ()
    return Chain(layers, layer_sizes(history, len(layers)))


def look_at_leftovers(engine: Engine) -> list[Doomed]:
    """Return the containers, volumes and networks of tests whose process has ended."""
    with engine.told("look for leftovers of tests"):
        found = list(find_orphans(engine.client))
        sizes = dict(_sizes(engine.client.api.df())) if found else {}
    items = [Item(Kind.LEFTOVER, f"{one.kind} {one.name}", sizes.get((one.kind, one.name), 0)) for one in found]
    return [Doomed(item, partial(_remove_leftover, engine, one)) for item, one in zip(items, found, strict=True)]


def _remove_leftover(engine: Engine, orphan: Orphan) -> None:
    with engine.told(f"remove {orphan.name}"):
        orphan.remove()


def _sizes(usage: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield the bytes of each container and volume, as the engine measures them."""
    for one in usage.get("Containers") or ():
        yield ("container", str(one["Names"][0]).lstrip("/")), int(one.get("SizeRw") or 0)
    for one in usage.get("Volumes") or ():
        yield ("volume", str(one["Name"])), max(0, int((one.get("UsageData") or {}).get("Size", 0)))


def look_at_cache(engine: Engine, seconds: int, now: float) -> list[Doomed]:
    """Return the records of the engine's build cache that were not used for ``seconds``, as one item.

    BuildKit does not know who made a record: slipway, or any other program that builds in this engine.
    """
    usage = engine.get("/system/df?type=build-cache") or {}
    old = [one for one in usage.get("BuildCache") or () if _is_old(one, now - seconds)]
    if not old:
        return []
    size = sum(int(one.get("Size") or 0) for one in old if not one.get("Shared"))
    item = Item(Kind.CACHE, f"{len(old)} records of the engine's own builder, of all programs", size)
    return [Doomed(item, partial(_prune, engine, seconds))]


def _is_old(record: Mapping[str, Any], before: float) -> bool:
    used = seconds_since_1970(str(record.get("LastUsedAt") or record.get("CreatedAt") or ""))
    return not record.get("InUse") and 0 < used < before


def _prune(engine: Engine, seconds: int) -> None:
    with engine.told("prune the build cache"):
        engine.client.api.prune_builds(filters={"until": f"{seconds}s"})
