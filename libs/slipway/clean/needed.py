"""Hold everything that a cleaning must keep: by the current plan, the releases, and the containers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from slipway.core.image import content_tag
from slipway.core.reference import Reference
from slipway.plan.decide import Facts
from slipway.release.planned import Planned
from slipway.release.record import Record


@dataclass(frozen=True)
class Named:
    """Hold manifests by their digests, and the input digests of images.

    ``places``: the repository's path and the digest of those manifests whose repository is known.
    """

    digests: frozenset[str] = frozenset()
    places: frozenset[tuple[str, str]] = frozenset()
    inputs: frozenset[str] = frozenset()

    @cached_property
    def content_tags(self) -> frozenset[str]:
        return frozenset(map(content_tag, self.inputs))

    @classmethod
    def by_records(cls, records: Iterable[Record]) -> Self:
        """Return everything that records name: images, the images below them, and the digests of tags before."""
        images = [image for record in records for image in record.images]
        places = {(image.reference.path, image.digest) for image in images}
        places |= {(image.reference.path, tag.before) for image in images for tag in image.tags}
        return cls._of(places, [image.base_digest for image in images], [image.input_digest for image in images])

    @classmethod
    def by_releases(cls, releases: Iterable[Planned]) -> Self:
        """Return everything that releases name which did not end."""
        images = [image for planned in releases for image in planned.images]
        places = {(image.push.content.path, image.push.content_digest) for image in images}
        places |= {(image.push.content.path, tag.before) for image in images for tag in image.tags}
        return cls._of(places, [image.base for image in images], [image.push.input_digest for image in images])

    @classmethod
    def _of(cls, places: Iterable[tuple[str, str]], digests: Iterable[str], inputs: Iterable[str]) -> Self:
        known = frozenset((path, digest) for path, digest in places if digest)
        return cls(frozenset({digest for _, digest in known} | set(digests)), known, frozenset(inputs))


@dataclass(frozen=True)
class Needed:
    """Hold everything that must stay.

    ``planned``: image → its input digest, for every image that can be planned. ``references``: image → its reference
    with the version tag. ``released``: named by records. ``unfinished``: named by releases that did not end. ``used``:
    the ids and the full names of the images that containers use.
    """

    planned: dict[str, str]
    references: dict[str, Reference]
    released: Named = Named()
    unfinished: Named = Named()
    used: frozenset[str] = frozenset()

    @classmethod
    def of(cls, facts: Facts, released: Named, unfinished: Named, used: frozenset[str]) -> Self:
        return cls(dict(facts.digests), dict(facts.references), released, unfinished, used)

    def names_in(self, repository: str) -> tuple[str, ...]:
        """Return the images of the plan that lie in a repository, given with its registry."""
        return tuple(name for name in self.planned if self.references[name].repository == repository)
