"""Read manifests as exact bytes, and verify that they are manifests."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from slipway.core.platform import Platform

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
#: BuildKit's name for a zstd layer in an image of Docker's media types. Docker defines no such type.
_MISTYPED = "application/vnd.docker.image.rootfs.diff.tar.zstd"
#: Types from a server that does not know the content's type. Then the manifest's own ``mediaType`` counts.
_UNSPECIFIC = ("", "application/json", "application/octet-stream", "text/plain")
#: The parts of a platform, in a descriptor and in an image's configuration.
_PLATFORM = ("os", "architecture", "variant")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class ImageManifest:
    """Hold the exact bytes of a manifest. slipway computes ``digest`` from them."""

    body: bytes
    media_type: str

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"

    @property
    def artifact_type(self) -> str:
        return str(self._described.get("artifactType", ""))

    @property
    def annotations(self) -> Mapping[str, str]:
        return {str(name): str(text) for name, text in (self._described.get("annotations") or {}).items()}

    @property
    def config(self) -> str:
        """Return the digest of the image's configuration; empty for an index."""
        return str(self._described.get("config", {}).get("digest", ""))

    @property
    def blobs(self) -> tuple[str, ...]:
        """Return the digests of the blobs in the manifest: configuration and layers."""
        layers = [str(layer["digest"]) for layer in self._described.get("layers", ())]
        return (self.config, *layers) if self.config else tuple(layers)

    @property
    def mistyped(self) -> tuple[str, ...]:
        """Return the digests of the layers that an engine with containerd's image store refuses to pull."""
        layers = self._described.get("layers", ())
        return tuple(str(layer["digest"]) for layer in layers if layer.get("mediaType") == _MISTYPED)

    @property
    def size(self) -> int:
        """Return the bytes of the blobs in the manifest, as it names them; 0 for an index."""
        named = (self._described.get("config", {}), *self._described.get("layers", ()))
        return sum(int(blob.get("size", 0)) for blob in named)

    @property
    def sizes(self) -> Mapping[str, int]:
        """Return digest → bytes of the manifest itself and of its blobs, as it names them."""
        named = (self._described.get("config", {}), *self._described.get("layers", ()))
        blobs = {str(blob["digest"]): int(blob.get("size", 0)) for blob in named if blob.get("digest")}
        return {self.digest: len(self.body), **blobs}

    @property
    def members(self) -> tuple[str, ...]:
        """Return the digests of the manifests in an index."""
        return tuple(str(member["digest"]) for member in self._described.get("manifests", ()))

    @property
    def platforms(self) -> Mapping[str, str]:
        """Return platform → digest of the member, for the members of an index that name their platform.

        An attestation has the platform ``unknown/unknown``.
        """
        found: dict[str, str] = {}
        for member in self._described.get("manifests", ()):
            kind = member.get("platform") or {}
            parts = [kind.get(key) for key in _PLATFORM]
            if all(parts[:2]) and parts[0] != "unknown":
                found[str(Platform.read("/".join(filter(None, parts))))] = str(member["digest"])
        return found

    @cached_property
    def _described(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(self.body)
        return found


def digest_by_headers(headers: Mapping[str, str]) -> str:
    """Return the digest from the reply to a HEAD.

    It is empty unless the type is a manifest's and the digest is well formed.
    """
    digest = headers.get("Docker-Content-Digest", "")
    return digest if _type(headers) in MANIFEST_TYPES and _DIGEST.fullmatch(digest) else ""


def read_manifest(headers: Mapping[str, str], body: bytes) -> ImageManifest | None:
    """Return the manifest from the reply to a GET; None when the reply is not a manifest."""
    try:
        described = json.loads(body)
    except ValueError:
        return None
    if not isinstance(described, dict):
        return None
    kind = _type(headers)
    media_type = str(described.get("mediaType", "")) if kind in _UNSPECIFIC else kind
    return ImageManifest(body, media_type) if media_type in MANIFEST_TYPES else None


def contradicts(headers: Mapping[str, str], manifest: ImageManifest) -> bool:
    """Tell whether the reply's header names another sha256 digest than that of its bytes.

    A digest of another algorithm does not count.
    """
    digest = headers.get("Docker-Content-Digest", "")
    return bool(_DIGEST.fullmatch(digest)) and digest != manifest.digest


def _type(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()
