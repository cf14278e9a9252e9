"""Decide which images of the engine go. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from slipway.clean.items import Choice, Stay, choose
from slipway.clean.needed import Named, Needed
from slipway.core.image import TITLE_LABEL, LocalImage


@dataclass(frozen=True)
class Going:
    """Hold an image that goes, and the names to remove: tags, digests, or its id. ``whole``: no other name remains."""

    image: LocalImage
    names: tuple[str, ...]
    whole: bool


def choose_images(images: Iterable[LocalImage], needed: Needed, before: float) -> Choice[Going]:
    """Choose those images of this repository that nothing needs and that were made before ``before``.

    An image belongs to this repository when slipway built it, under the name of an image of the plan, and when its tag
    lies in that image's repository. An image without any tag may have been built for another OWNER: it goes, too, for
    no name leads to it.
    """
    found = [going for image in images if (going := _of_this_repository(image, needed))]
    return choose(found, lambda going: _reason(going, needed, before))


def _of_this_repository(image: LocalImage, needed: Needed) -> Going | None:
    """Return an image with its names in this repository; None for any other image."""
    tags = tuple(tag for tag in image.tags if _is_own(image, tag.rpartition(":")[0], needed))
    if tags:
        return Going(image, tags, len(tags) == len(image.tags))
    digests = tuple(one for one in image.digests if _is_own(image, one.partition("@")[0], needed))
    title = image.labels.get(TITLE_LABEL, "")
    if image.tags or len(digests) < len(image.digests) or title not in needed.planned or not image.is_own(title):
        return None
    return Going(image, digests or (image.id,), True)


def _is_own(image: LocalImage, repository: str, needed: Needed) -> bool:
    return any(map(image.is_own, needed.names_in(repository)))


def _reason(going: Going, needed: Needed, before: float) -> Stay | None:
    """Return the reason for which an image stays. Without a tag it is not the image of its inputs any more."""
    image = going.image
    if image.id in needed.used or needed.used.intersection(image.tags):
        return Stay.USED
    if image.tags and image.input_digest in needed.planned.values():
        return Stay.PLANNED
    if _named(image, needed.released):
        return Stay.RELEASED
    if _named(image, needed.unfinished):
        return Stay.UNFINISHED
    if image.created <= 0:
        return Stay.UNDATED
    return Stay.YOUNG if image.created >= before else None


def _named(image: LocalImage, named: Named) -> bool:
    digests = {image.id, *(digest.partition("@")[2] for digest in image.digests)}
    return bool(named.digests & digests) or bool(image.tags and image.input_digest in named.inputs)
