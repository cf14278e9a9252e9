"""Convert the engine's answers about images into values, for the classic image store and for containerd's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from slipway.core.image import LocalImage, is_manifest
from slipway.core.platform import in_order
from slipway.core.reference import full_name

#: The driver of containerd's image store, in ``DriverStatus`` of ``/info``.
CONTAINERD_DRIVER = "io.containerd.snapshotter"
#: The last status of a push. With the classic store ``aux`` holds the digest too, with containerd's it does not.
_PUSHED = re.compile(r"digest: (sha256:[0-9a-f]{64}) size: \d+$")


def listed(entry: Mapping[str, Any]) -> LocalImage:
    """Convert an entry of ``/images/json``."""
    digests = tuple(full_name(digest) for digest in entry.get("RepoDigests") or () if digest != "<none>@<none>")
    return LocalImage(
        id=str(entry["Id"]),
        tags=tuple(full_name(tag) for tag in entry.get("RepoTags") or () if tag != "<none>:<none>"),
        digests=digests,
        labels=dict(entry.get("Labels") or {}),
        created=int(entry.get("Created", 0)),
        size=_size(entry, str(entry["Id"]), digests),
        platforms=_platforms(entry, held=True),
        elsewhere=_platforms(entry, held=False),
    )


def inspected(attributes: Mapping[str, Any]) -> LocalImage:
    """Convert ``/images/<name>/json``, which has the same facts as a list under other keys, and more."""
    kind = (attributes.get("Os"), attributes.get("Architecture"), attributes.get("Variant"))
    config = attributes.get("Config") or {}
    told = listed({**attributes, "Labels": config.get("Labels"), "Created": 0})
    return replace(told, platform="/".join(filter(None, kind)), onbuild=tuple(config.get("OnBuild") or ()))


def pushed_digest(event: Mapping[str, Any]) -> str:
    """Return the digest in the registry from the last event of a push; empty for any other event."""
    ended = _PUSHED.search(str(event.get("status", "")))
    return str((event.get("aux") or {}).get("Digest", "")) or (ended[1] if ended else "")


def has_containerd_store(info: Mapping[str, Any]) -> bool:
    """Tell from ``/info`` whether the engine has containerd's image store.

    This store holds images of several platforms, and keeps layers as they were compressed.
    """
    return CONTAINERD_DRIVER in str(info.get("DriverStatus"))


def _platforms(entry: Mapping[str, Any], *, held: bool) -> tuple[str, ...]:
    """Return the platforms of the image whose content the engine has, or has not; none with the classic store."""
    images = [each for each in entry.get("Manifests") or () if each.get("ImageData")]
    kinds = [each["ImageData"].get("Platform") or {} for each in images if bool(each.get("Available")) is held]
    parts = [(kind.get("os"), kind.get("architecture"), kind.get("variant")) for kind in kinds]
    return in_order("/".join(filter(None, each)) for each in parts if all(each[:2]))


def _size(entry: Mapping[str, Any], image: str, digests: Iterable[str]) -> int:
    """Return the bytes of the unpacked layers, as the sum in ``docker history``; 0 if unknown.

    slipway uses only this size for an image. It is the space on the disk and the number that budgets limit, and does
    not depend on the compression of the layers. The classic store reports it as ``Size``. With containerd's store,
    ``Size`` counts the packed layers of an inspected image, and the packed and unpacked layers of a listed one. That
    store reports the unpacked layers of each platform in ``Manifests``, except in an engine before 28. It unpacks a
    platform when a container needs it, so the first one that it has unpacked counts.
    """
    if manifests := entry.get("Manifests"):
        sizes = ((each.get("ImageData") or {}).get("Size") or {} for each in manifests)
        return next(filter(None, (int(size.get("Unpacked", 0)) for size in sizes)), 0)
    return 0 if is_manifest(image, digests) else int(entry.get("Size", 0))
