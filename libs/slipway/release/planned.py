"""Hold a release that is to happen: the tested images, their tags, and everything that its record says. Pure.

A run keeps it as JSON, so that a later run ends the release without a build.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slipway.core.reference import Reference
from slipway.push.inspect import Push
from slipway.push.tags import TagMove
from slipway.release.record import MovedTag, Record, ReleasedImage, Source


def moving_tag(tag: str, version: str, moving: str) -> str:
    """Return the moving tag beside a version tag: ``latest-cpu`` for ``latest`` where ``v1-cpu`` is that of ``v1``."""
    beside = r"[A-Za-z0-9.]"
    found = re.sub(rf"(?<!{beside}){re.escape(version)}(?!{beside})", moving, tag, count=1)
    return found if found != tag else moving


@dataclass(frozen=True)
class PlannedImage:
    """Hold one image of a release.

    ``push``: its place in the engine and in the registry. ``base``: the image that it is built on, by its name in the
    release, or by its digest; empty for scratch. ``tags``: its version tag and its moving tags.
    """

    push: Push
    base: str = ""
    platforms: tuple[str, ...] = ()
    tags: tuple[MovedTag, ...] = ()

    def stands(self, tag: MovedTag) -> bool:
        """Tell whether a version tag stood for the content of the release before."""
        return not tag.moves and bool(tag.before) and tag.before == self.push.content_digest

    def taken_over(self) -> PlannedImage:
        """Return the image with the version tags as new that stand for the content of the release."""
        return replace(self, tags=tuple(replace(tag, before="") if self.stands(tag) else tag for tag in self.tags))

    def as_json(self) -> dict[str, Any]:
        push = self.push
        return {
            "image": push.image,
            "reference": str(push.reference),
            "content": str(push.content),
            "input_digest": push.input_digest,
            "content_digest": push.content_digest,
            "local_id": push.local_id,
            "parents": list(push.parents),
            "replaces": push.replaces,
            "whole": push.whole,
            "base": self.base,
            "platforms": list(self.platforms),
            "tags": [vars(tag) for tag in self.tags],
        }

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> PlannedImage:
        """Read an image. Raises KeyError, TypeError or ValueError when ``said`` is not one."""
        push = Push(
            str(said["image"]),
            Reference.read(said["reference"]),
            Reference.read(said["content"]),
            str(said["input_digest"]),
            str(said["content_digest"]),
            local_id=str(said["local_id"]),
            parents=tuple(map(str, said["parents"])),
            replaces=str(said["replaces"]),
            platforms=tuple(map(str, said["platforms"])),
            whole=bool(said["whole"]),
        )
        tags = tuple(MovedTag(str(tag["name"]), str(tag["before"]), bool(tag["moves"])) for tag in said["tags"])
        return cls(push, str(said["base"]), push.platforms, tags)


@dataclass(frozen=True)
class Planned:
    """Hold a release: its version, its images, parents before children, and the sources, tools and record before."""

    version: str
    images: tuple[PlannedImage, ...]
    source: Source
    tools: Mapping[str, str]
    previous: str = ""

    @property
    def pushes(self) -> tuple[Push, ...]:
        return tuple(image.push for image in self.images)

    @property
    def tags(self) -> tuple[Reference, ...]:
        """Return all tags to move: the version tags before those that later releases may move."""
        found = [(tag.moves, image.push.reference.tagged(tag.name)) for image in self.images for tag in image.tags]
        return tuple(reference for _, reference in sorted(found, key=lambda entry: entry[0]))

    @property
    def is_begun(self) -> bool:
        """Tell whether version tags stand for the content already: an earlier run moved them, and published no record.

        Its journal may be lost.
        """
        return any(image.stands(tag) for image in self.images for tag in image.tags)

    def taken_over(self) -> Planned:
        """Return the release with the tags that an earlier run moved as tags to move, so that they count as moved."""
        return replace(self, images=tuple(image.taken_over() for image in self.images))

    def with_pushes(self, pushes: Sequence[Push]) -> Planned:
        known = {push.image: push for push in pushes}
        return replace(self, images=tuple(replace(image, push=known[image.push.image]) for image in self.images))

    def moves(self, stands: Mapping[Reference, str | None]) -> tuple[TagMove, ...]:
        """Return the moves of all tags. ``stands``: the digest for which each tag stands now, as far as it is known."""
        found = {}
        for image in self.images:
            for tag in image.tags:
                reference = image.push.reference.tagged(tag.name)
                now = stands.get(reference)
                found[reference] = TagMove(
                    reference, image.push.content_digest, tag.before, tag.before if now is None else now
                )
        return tuple(found[reference] for reference in self.tags)

    def record(self, sizes: Mapping[str, int]) -> Record:
        """Return the record, once each push has its digest. ``sizes``: image → bytes in the registry."""
        digests = {push.image: push.content_digest for push in self.pushes}
        images = tuple(
            ReleasedImage(
                image.push.image,
                image.push.reference,
                image.push.content_digest,
                image.push.input_digest,
                digests.get(image.base, image.base),
                image.platforms,
                sizes.get(image.push.image, 0),
                image.tags,
            )
            for image in self.images
        )
        return Record(self.version, images, self.source, self.tools, self.previous)

    def as_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "images": [image.as_json() for image in self.images],
            "source": vars(self.source),
            "tools": dict(self.tools),
            "previous": self.previous,
        }

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Planned:
        """Read a release. Raises KeyError, TypeError or ValueError when ``said`` is not one."""
        source = Source(str(said["source"]["revision"]), bool(said["source"]["dirty"]))
        tools = {str(name): str(version) for name, version in said["tools"].items()}
        images = tuple(map(PlannedImage.read, said["images"]))
        return cls(str(said["version"]), images, source, tools, str(said["previous"]))
