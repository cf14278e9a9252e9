"""Hold the record of a release: its images by digest, the tags that moved, and the tools and sources. Pure.

A record is an in-toto Statement v1. Its subjects are the images, and equal records have equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway.core.errors import RegistryError, SlipwayError
from slipway.core.reference import Reference
from slipway.registry.artifact import Artifact
from slipway.release.reading import Part, UnreadableError

RECORD_TYPE = "application/vnd.slipway.release.v1+json"
#: The annotation of a record's manifest that names the record before.
PREVIOUS = "dev.slipway.release.previous"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slipway.dev/release/v1"
_CONTENT_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class MovedTag:
    """Hold a tag of an image. ``before``: the digest for which it stood before the release; empty for a new tag.

    ``moves``: later releases may move the tag, because the project declares it as moving.
    """

    name: str
    before: str = ""
    moves: bool = False


@dataclass(frozen=True)
class ReleasedImage:
    """Hold one image of a release.

    ``reference``: its name with the version tag. ``digest``: its manifest or index in the registry. ``base_digest``:
    the image that it is built on; empty for scratch. ``size``: the bytes of its compressed layers and configurations.
    ``tags``: all tags that stand for ``digest``.
    """

    name: str
    reference: Reference
    digest: str
    input_digest: str
    base_digest: str = ""
    platforms: tuple[str, ...] = ()
    size: int = 0
    tags: tuple[MovedTag, ...] = ()

    def tagged(self, tag: MovedTag) -> Reference:
        return self.reference.tagged(tag.name)


@dataclass(frozen=True)
class Source:
    """Hold the git revision of the sources, empty outside a git repository.

    ``dirty``: the checkout had changes that the revision does not contain.
    """

    revision: str = ""
    dirty: bool = False


@dataclass(frozen=True)
class Record:
    """Hold a release.

    ``tools``: program → version. ``previous``: the digest of the record before; empty for the first.
    """

    version: str
    images: tuple[ReleasedImage, ...]
    source: Source = Source()
    tools: Mapping[str, str] = field(default_factory=dict)
    previous: str = ""

    @property
    def digests(self) -> Mapping[Reference, str]:
        """Return the digest of each image, by its reference with the version tag."""
        return {image.reference: image.digest for image in self.images}

    @property
    def artifact(self) -> Artifact:
        annotations = {PREVIOUS: self.previous} if self.previous else {}
        return Artifact(RECORD_TYPE, _CONTENT_TYPE, self.content, annotations=annotations)

    @property
    def content(self) -> bytes:
        """Return the statement as JSON with sorted keys."""
        return json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def as_json(self) -> dict[str, Any]:
        """Return the in-toto Statement."""
        return {
            "_type": _STATEMENT,
            "subject": [
                {"name": image.reference.repository, "digest": {"sha256": image.digest.removeprefix("sha256:")}}
                for image in self.images
            ],
            "predicateType": _PREDICATE,
            "predicate": {
                "version": self.version,
                "source": {"revision": self.source.revision, "dirty": self.source.dirty},
                "tools": dict(self.tools),
                "previous": self.previous,
                "images": [_image_json(image) for image in self.images],
            },
        }


def _image_json(image: ReleasedImage) -> dict[str, Any]:
    return {
        "name": image.name,
        "reference": str(image.reference),
        "digest": image.digest,
        "inputDigest": image.input_digest,
        "baseDigest": image.base_digest,
        "platforms": list(image.platforms),
        "size": image.size,
        "tags": [
            {"name": tag.name, "digest": image.digest, "before": tag.before, "moves": tag.moves} for tag in image.tags
        ],
    }


def read_record(content: bytes, where: str) -> Record:
    """Read a record. ``where``: its place, for errors. Raises RegistryError when ``content`` is not a record."""
    try:
        return _record(Part(json.loads(content)))
    except (ValueError, RecursionError):
        raise RegistryError(f"{where}: is not a record of a release: it is not JSON") from None
    except UnreadableError as error:
        raise RegistryError(f"{where}: is not a record of a release: {error}") from None


def _record(statement: Part) -> Record:
    statement.at("_type").is_text(_STATEMENT)
    statement.at("predicateType").is_text(_PREDICATE)
    predicate = statement.at("predicate")
    source = predicate.at("source")
    record = Record(
        predicate.at("version").text,
        tuple(map(_image, predicate.at("images").each())),
        Source(source.at("revision").text, source.at("dirty").flag),
        predicate.at("tools").texts,
        predicate.at("previous").digest_or_nothing,
    )
    subjects = [
        (one.at("name").text, f"sha256:{one.at('digest').at('sha256').text}") for one in statement.at("subject").each()
    ]
    if subjects != [(image.reference.repository, image.digest) for image in record.images]:
        raise UnreadableError("its subjects are not its images")
    return record


def _image(part: Part) -> ReleasedImage:
    digest = part.at("digest").digest
    tags = []
    for one in part.at("tags").each():
        one.at("digest").is_text(digest)
        tags.append(MovedTag(one.at("name").text, one.at("before").digest_or_nothing, one.at("moves").flag))
    return ReleasedImage(
        part.at("name").text,
        _reference(part.at("reference")),
        digest,
        part.at("inputDigest").digest,
        part.at("baseDigest").digest_or_nothing,
        tuple(platform.text for platform in part.at("platforms").each()),
        part.at("size").count,
        tuple(tags),
    )


def _reference(part: Part) -> Reference:
    try:
        found = Reference.parse(part.text)
    except SlipwayError:
        raise UnreadableError(f"{part.path} is not an image's name") from None
    if not found.tag or found.digest:
        raise UnreadableError(f"{part.path} has no tag, or a digest")
    return found
