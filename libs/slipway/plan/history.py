"""What was built before: the newest image of each name, and what it was made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from slipway.core.image import INPUT_LABEL, MODELESS_LABEL, LocalImage, Reference
from slipway.plan.decide import Facts
from slipway.stack.digest import Manifest, modes_between, unusual_modes
from slipway.stack.entries import Encoded
from slipway.stack.manifests import load_inputs

_FILES_SHOWN = 3


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
) -> tuple[dict[str, Manifest], dict[str, Mapping[str, Encoded]]]:
    """What the newest images were built from, where that differs from now."""
    found: dict[str, Manifest] = {}
    trees: dict[str, Mapping[str, Encoded]] = {}
    for name, image in newest.items():
        if image.input_digest != digests[name]:
            manifest, more = load_inputs(home, image.input_digest)
            if manifest:
                found[image.input_digest] = manifest
                trees |= more
    return found, trees


def only_modes(home: Path, facts: Facts, image: str, labels: Mapping[str, str]) -> str:
    """``only modes differ``, and of which files, where that is all that sets ``image`` apart from another of its name,
    which has these ``labels``; else an empty string.

    Which files is known when this repository built the other one. Else the modes that git never records are told.
    """
    manifest = facts.manifests[image]
    kept, trees = load_inputs(home, labels.get(INPUT_LABEL, ""))
    files = modes_between(kept, manifest, {**facts.trees, **trees}) if kept else ()
    same_parents = bool(kept and files and kept.parents == manifest.parents)
    if not same_parents and labels.get(MODELESS_LABEL) != facts.modeless[image]:
        return ""
    shown = files or unusual_modes(manifest, facts.trees)
    more = f" (+{len(shown) - _FILES_SHOWN} more)" if len(shown) > _FILES_SHOWN else ""
    return f"only modes differ: {', '.join(shown[:_FILES_SHOWN])}{more}".removesuffix(": ")
