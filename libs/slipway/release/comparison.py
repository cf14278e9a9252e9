"""Compare the record of a release with the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from slipway.core.errors import RegistryError
from slipway.core.reference import Reference
from slipway.core.threads import map_concurrently
from slipway.push.inspect import QUESTIONS, Push
from slipway.push.upload import holes
from slipway.registry import Registry
from slipway.release.causes import ReleaseCause
from slipway.release.record import Record, ReleasedImage


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


def compare(record: Record, registry: Registry, *, blobs: bool = True) -> tuple[TagStanding, ...]:
    """Compare each tag with the record, and look for every blob of the images. Raises RegistryError.

    Without ``blobs``, compare the tags alone.
    """
    tags = [(image, tag) for image in record.images for tag in image.tags]
    found = map_concurrently(lambda entry: registry.digest(entry[0].tagged(entry[1])), tags, at_once=QUESTIONS)
    lost = _lost(record.images, registry) if blobs else {}
    return tuple(
        TagStanding(image.name, image.tagged(tag), image.digest, now, tag.moves, lost.get(image.name, ()))
        for (image, tag), now in zip(tags, found, strict=True)
    )


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


def _lost(images: Sequence[ReleasedImage], registry: Registry) -> dict[str, tuple[str, ...]]:
    """Return the missing content of each image: its manifest, or the blobs of it."""
    pushes = [Push(one.name, one.reference, one.reference, one.input_digest, one.digest) for one in images]
    there = map_concurrently(lambda push: registry.digest(push.exact), pushes, at_once=QUESTIONS)
    kept = [push for push, digest in zip(pushes, there, strict=True) if digest]
    manifests = map_concurrently(lambda push: registry.manifest(push.exact), kept, at_once=QUESTIONS)
    found = {push.image: manifest for push, manifest in zip(kept, manifests, strict=True)}
    lost: dict[str, tuple[str, ...]] = {push.image: (push.content_digest,) for push in pushes if push not in kept}
    for push in kept:  # one by one, for a blob that images share may be missing in one repository alone
        lost |= {name: tuple(blobs) for name, blobs in holes([push], found, registry).items()}
    return lost
