"""A manifest: its exact bytes, and the proof that they are one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
#: A server that does not know the type of what it serves; the manifest's own ``mediaType`` counts then.
_UNSPECIFIC = ("", "application/json", "application/octet-stream", "text/plain")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """A manifest's exact bytes; ``digest`` is computed from them, not believed."""

    body: bytes
    media_type: str

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"

    @property
    def config(self) -> str:
        """The digest of the image's configuration; empty for an index."""
        return str(self._described.get("config", {}).get("digest", ""))

    @property
    def blobs(self) -> tuple[str, ...]:
        """The digests of the blobs that the manifest names: configuration and layers."""
        layers = [str(layer["digest"]) for layer in self._described.get("layers", ())]
        return (self.config, *layers) if self.config else tuple(layers)

    @property
    def members(self) -> tuple[str, ...]:
        """The digests of the manifests that an index names."""
        return tuple(str(member["digest"]) for member in self._described.get("manifests", ()))

    @cached_property
    def _described(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(self.body)
        return found


def digest_by_headers(headers: Mapping[str, str]) -> str:
    """The digest in the reply to a HEAD; empty unless its type is a manifest's and the digest is well formed."""
    digest = headers.get("Docker-Content-Digest", "")
    return digest if _type(headers) in MANIFEST_TYPES and _DIGEST.fullmatch(digest) else ""


def read_manifest(headers: Mapping[str, str], body: bytes) -> Manifest | None:
    """The manifest of a reply to a GET; None when neither its type nor its bytes are a manifest's."""
    try:
        described = json.loads(body)
    except ValueError:
        return None
    if not isinstance(described, dict):
        return None
    kind = _type(headers)
    media_type = str(described.get("mediaType", "")) if kind in _UNSPECIFIC else kind
    return Manifest(body, media_type) if media_type in MANIFEST_TYPES else None


def contradicts(headers: Mapping[str, str], manifest: Manifest) -> bool:
    """Whether the reply names another digest than that of its bytes. A digest of another algorithm says nothing."""
    digest = headers.get("Docker-Content-Digest", "")
    return bool(_DIGEST.fullmatch(digest)) and digest != manifest.digest


def _type(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()
