"""Describe artifacts as OCI manifests: one layer of content, a type, and perhaps the manifest that it is about.

The forms are those of OCI's image specification 1.1 (manifest.md, "Guidelines for Artifact Usage") and distribution
specification 1.1 ("Referrers Tag Schema"). Equal artifacts have equal bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from slipway.registry.manifest import ImageManifest

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
#: The configuration of an artifact that has none.
EMPTY = b"{}"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Descriptor:
    """Name content by its media type, digest and size in bytes. ``artifact_type`` and ``annotations`` may be empty."""

    media_type: str
    digest: str
    size: int
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: ImageManifest) -> Self:
        return cls(manifest.media_type, manifest.digest, len(manifest.body))

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Self:
        """Read a descriptor. Raises KeyError, TypeError or ValueError when it is not one."""
        annotations = {str(name): str(text) for name, text in dict(said.get("annotations") or {}).items()}
        artifact_type = str(said.get("artifactType", ""))
        return cls(str(said["mediaType"]), str(said["digest"]), int(said["size"]), artifact_type, annotations)

    def as_json(self) -> dict[str, Any]:
        more = {"artifactType": self.artifact_type, "annotations": dict(self.annotations)}
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size} | {
            key: value for key, value in more.items() if value
        }


@dataclass(frozen=True)
class Artifact:
    """Hold an artifact: its ``type``, and ``content`` of ``media_type``.

    ``subject``: the manifest that it is about, in the same repository. ``annotations`` appear in lists of referrers.
    """

    type: str
    media_type: str
    content: bytes
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def manifest(self) -> ImageManifest:
        described: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": self.type,
            "config": Descriptor(EMPTY_TYPE, digest_of(EMPTY), len(EMPTY)).as_json(),
            "layers": [Descriptor(self.media_type, digest_of(self.content), len(self.content)).as_json()],
        }
        if self.subject:
            described["subject"] = self.subject.as_json()
        if self.annotations:
            described["annotations"] = dict(self.annotations)
        return ImageManifest(_encoded(described), MANIFEST_TYPE)

    @property
    def descriptor(self) -> Descriptor:
        """Return the descriptor of the artifact in a list of referrers."""
        manifest = self.manifest
        return Descriptor(MANIFEST_TYPE, manifest.digest, len(manifest.body), self.type, self.annotations)


def index_of(referrers: Sequence[Descriptor]) -> ImageManifest:
    """Return the index that lists ``referrers``, in the order of their digests."""
    listed = [one.as_json() for one in sorted(referrers, key=lambda one: one.digest)]
    return ImageManifest(_encoded({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": listed}), INDEX_TYPE)


def read_index(body: bytes) -> tuple[Descriptor, ...] | None:
    """Return the descriptors in an index; None when ``body`` is not an index."""
    try:
        described = json.loads(body)
        return tuple(Descriptor.read(said) for said in described["manifests"])
    except (ValueError, KeyError, TypeError):
        return None


def fallback_tag(digest: str) -> str:
    """Return the tag under which slipway lists the referrers of ``digest`` where the registry keeps no list."""
    return digest.replace(":", "-", 1)


def _encoded(described: Mapping[str, Any]) -> bytes:
    return json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
