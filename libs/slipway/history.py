"""What was built before: the newest image of each name, and what it was made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from slipway import runs
from slipway.digest import Manifest
from slipway.model import LocalImage, Reference


def newest_of(references: Mapping[str, Reference], local: Sequence[LocalImage]) -> dict[str, LocalImage]:
    """Image → the engine's newest one of that name."""
    by_repository = {reference.repository: name for name, reference in references.items()}
    newest: dict[str, LocalImage] = {}
    for image in sorted(local, key=lambda image: image.created):
        for tag in image.tags:
            name = by_repository.get(tag.rpartition(":")[0])
            if name and image.is_own(name):
                newest[name] = image
    return newest


def earlier(
    home: Path, newest: Mapping[str, LocalImage], digests: Mapping[str, str]
) -> tuple[dict[str, Manifest], dict[str, Mapping[str, str]]]:
    """What the newest images were built from, where that differs from now."""
    found: dict[str, Manifest] = {}
    trees: dict[str, Mapping[str, str]] = {}
    for name, image in newest.items():
        if image.input_digest != digests[name]:
            manifest, more = runs.load_inputs(home, image.input_digest)
            if manifest:
                found[image.input_digest] = manifest
                trees |= more
    return found, trees
