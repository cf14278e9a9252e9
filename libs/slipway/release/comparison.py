"""Compare the record of a release with the registry."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from slipway.core.errors import RegistryError
from slipway.core.reference import Reference
from slipway.core.threads import map_concurrently
from slipway.push.inspect import QUESTIONS, Push
from slipway.push.upload import holes
from slipway.registry import ImageManifest, Registry
from slipway.release.causes import ReleaseCause
from slipway.release.record import Record, ReleasedImage

#: Finds the blobs of each image that are missing in the registry.
FindHoles = Callable[[Sequence[Push], Mapping[str, ImageManifest], Registry], dict[str, list[str]]]


class TagState(StrEnum):
    """Name how a tag stands beside the record. ``release-verify --json`` prints the values.

    A tag that later releases may move is ``moved on`` when it stands for another digest.
    """

    RELEASED = "as released"
    MOVED_ON = "moved on"
    DIFFERS = "differs"


@dataclass(frozen=True)
class TagStanding:
    """Hold how one tag of a record stands. ``found``: its digest now; empty when the tag does not exist.

    ``lost``: the manifest or blobs of the released image that the registry does not have.
    """

    image: str
    reference: Reference
    released: str
    found: str
    moves: bool = False
    lost: tuple[str, ...] = ()

    @property
    def state(self) -> TagState:
        if self.found == self.released and not self.lost:
            return TagState.RELEASED
        return TagState.MOVED_ON if self.moves and not self.lost else TagState.DIFFERS

    def __str__(self) -> str:
        """Return the detail for the user: both digests, or the content that is missing."""
        if self.lost:
            more = f" and {len(self.lost) - 1} more" if len(self.lost) > 1 else ""
            return f"{self.released[:19]}: the registry has lost {self.lost[0][:19]}{more} of it"
        if self.found == self.released:
            return self.released[:19]
        return f"{self.found[:19] or 'no such tag'}, not {self.released[:19]}"

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "reference": str(self.reference), "state": self.state}


def compare_tags(record: Record, registry: Registry) -> tuple[TagStanding, ...]:
    """Compare each tag with the record. Raises RegistryError."""
    tags = [(image, tag) for image in record.images for tag in image.tags]
    found = map_concurrently(lambda entry: registry.digest(entry[0].tagged(entry[1])), tags, at_once=QUESTIONS)
    return tuple(
        TagStanding(image.name, image.tagged(tag), image.digest, now, tag.moves)
        for (image, tag), now in zip(tags, found, strict=True)
    )


def compare(record: Record, registry: Registry, holes: FindHoles = holes) -> tuple[TagStanding, ...]:
    """Compare each tag with the record, and look for the content of each image. Raises RegistryError.

    ``holes`` finds the missing blobs.
    """
    found = compare_tags(record, registry)
    stand = {one.image for one in found if one.found == one.released}
    lost = _lost(record.images, stand, registry, holes)
    return tuple(replace(one, lost=lost.get(one.image, ())) for one in found)


def holes_of_each(
    pushes: Sequence[Push], manifests: Mapping[str, ImageManifest], registry: Registry
) -> dict[str, list[str]]:
    """Return the missing blobs of each image, and ask in its own repository for each.

    A blob that images share may be missing in one repository alone.
    """
    return {image: blobs for push in pushes for image, blobs in holes([push], manifests, registry).items()}


def refuse_differences(version: str, found: Sequence[TagStanding]) -> None:
    """Raise RegistryError, with a line for each tag that is not as the record says."""
    wrong = [one for one in found if one.state is TagState.DIFFERS]
    if wrong:
        said = f"release {version}: {len(wrong)} of {len(found)} tags are not as its record says"
        lines = [f"{one.reference}: {one}" for one in wrong]
        hint = f"invoke release-rollback {version}"
        if any(one.lost for one in wrong):
            hint = f"push the images again from where they were built, then {hint}"
        raise RegistryError("\n  ".join([said, *lines]), hint=hint, code=ReleaseCause.DIFFERS)


def refuse_lost(version: str, found: Sequence[TagStanding]) -> None:
    """Raise RegistryError when the registry does not have all content of the record."""
    lost = [one for one in found if one.lost]
    if lost:
        lines = [f"{one.reference}: {one}" for one in lost]
        said = f"release {version}: the registry has lost content of it; no version tag moved"
        hint = "push the images again from where they were built"
        raise RegistryError("\n  ".join([said, *lines]), hint=hint, code=ReleaseCause.DIFFERS)


def _lost(
    images: Sequence[ReleasedImage], stand: Collection[str], registry: Registry, holes: FindHoles
) -> dict[str, tuple[str, ...]]:
    """Return the missing content of each image: its manifest, or the blobs of it.

    ``stand``: the images for whose digest a tag stands, so that the registry has the manifest.
    """
    pushes = [Push(one.name, one.reference, one.reference, one.input_digest, one.digest) for one in images]
    others = [push for push in pushes if push.image not in stand]
    there = map_concurrently(lambda push: registry.digest(push.exact), others, at_once=QUESTIONS)
    gone = {push.image: (push.content_digest,) for push, digest in zip(others, there, strict=True) if not digest}
    kept = [push for push in pushes if push.image not in gone]
    manifests = map_concurrently(lambda push: registry.manifest(push.exact), kept, at_once=QUESTIONS)
    found = {push.image: manifest for push, manifest in zip(kept, manifests, strict=True)}
    return gone | {image: tuple(blobs) for image, blobs in holes(kept, found, registry).items()}
