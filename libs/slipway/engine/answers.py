"""What the engine says of an image, read into values: with the classic image store, and with containerd's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slipway.core.image import LocalImage, full_name

#: How a push ends. The classic store also says it in ``aux``, containerd's does not.
_PUSHED = re.compile(r"digest: (sha256:[0-9a-f]{64}) size: \d+$")


def listed(entry: Mapping[str, Any]) -> LocalImage:
    """An entry of ``/images/json``."""
    found = LocalImage(
        id=str(entry["Id"]),
        tags=tuple(full_name(tag) for tag in entry.get("RepoTags") or () if tag != "<none>:<none>"),
        digests=tuple(full_name(digest) for digest in entry.get("RepoDigests") or () if digest != "<none>@<none>"),
        labels=dict(entry.get("Labels") or {}),
        created=int(entry.get("Created", 0)),
    )
    return replace(found, size=_size(entry, found))


def inspected(attributes: Mapping[str, Any]) -> LocalImage:
    """``/images/<name>/json``, which says the same as a list does, in other places."""
    kind = (attributes.get("Os"), attributes.get("Architecture"), attributes.get("Variant"))
    config = attributes.get("Config") or {}
    told = listed({**attributes, "Labels": config.get("Labels"), "Created": 0})
    return replace(told, platform="/".join(filter(None, kind)), onbuild=tuple(config.get("OnBuild") or ()))


def pushed_digest(event: Mapping[str, Any]) -> str:
    """The digest that the registry has now, in the last event of a push; empty in any other."""
    ended = _PUSHED.search(str(event.get("status", "")))
    return str((event.get("aux") or {}).get("Digest", "")) or (ended[1] if ended else "")


def _size(entry: Mapping[str, Any], image: LocalImage) -> int:
    """The bytes of the unpacked layers, as ``docker history`` adds them up: the one size of an image in slipway.

    It is what an image takes on the disk, what budgets count, and does not depend on how its layers are packed. The
    classic store calls it ``Size``. With containerd's store ``Size`` is the packed layers when an image is inspected,
    packed and unpacked ones when it is listed; the unpacked layers of each platform stand beside it. An engine before
    28 does not tell them there, and the size is unknown (0).
    """
    if manifests := entry.get("Manifests"):
        sizes = ((each.get("ImageData") or {}).get("Size") or {} for each in manifests)
        return sum(int(size.get("Unpacked", 0)) for size in sizes)
    return 0 if image.is_known_by_manifest else int(entry.get("Size", 0))
