"""Find the earlier builds: the newest image of each name, and its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from slipway.core.image import INPUT_LABEL, MODELESS_LABEL, LocalImage
from slipway.core.reference import Reference
from slipway.plan.decide import Facts
from slipway.stack.changes import modes_between, unusual_modes
from slipway.stack.digest import Manifest
from slipway.stack.entries import Encoded
from slipway.stack.manifests import load_inputs

_FILES_SHOWN = 3


def newest_of(references: Mapping[str, Reference], local: Sequence[LocalImage]) -> dict[str, LocalImage]:
    """Return the engine's newest image of each name. Several images may share a repository."""
    by_repository: dict[str, list[str]] = {}
    for name, reference in references.items():
        by_repository.setdefault(reference.repository, []).append(name)
    newest: dict[str, LocalImage] = {}
    for image in sorted(local, key=lambda image: image.created):
        for tag in image.tags:
            for name in filter(image.is_own, by_repository.get(tag.rpartition(":")[0], ())):
                newest[name] = image
    return newest


def earlier(
    home: Path, newest: Mapping[str, LocalImage], digests: Mapping[str, str]
) -> tuple[dict[str, Manifest], dict[str, Mapping[str, Encoded]]]:
    """Return the manifests of those newest images whose inputs have changed, and the listings of their trees.

    Manifests that ``.slipway`` does not hold are missing in the result.
    """
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
    """Return ``only modes differ``, with the files, when nothing else distinguishes ``image`` from another.

    ``labels``: the labels of the other image, which has the same name. Return an empty string when more differs.
    slipway knows the changed files when this repository built the other image. Without that, the text names the files
    whose modes git never records.
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
