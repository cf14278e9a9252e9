"""Indexes for the registry of ``slipway.testing.fakes``."""

from __future__ import annotations

import json
from collections.abc import Mapping

from slipway.testing.fakes import INDEX_TYPE, RegistryServer, digest_of


def add_index(server: RegistryServer, path: str, tag: str, members: Mapping[str, str]) -> str:
    """Add an index of ``members``, platform → digest of a manifest, and return its digest."""
    kinds = {platform: dict(zip(("os", "architecture"), platform.split("/"), strict=True)) for platform in members}
    listed = [{"digest": digest, "platform": kinds[platform]} for platform, digest in members.items()]
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": listed}).encode()
    server.manifests[path, digest_of(body)] = body
    server.tags[path, tag] = digest_of(body)
    return digest_of(body)
