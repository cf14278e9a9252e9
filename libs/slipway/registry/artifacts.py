"""Store artifacts in a registry, and find those that are about a manifest.

A registry with the referrers API lists them itself. For any other, slipway keeps the list as an index under the tag
``sha256-<hex>``, as the distribution specification says. Registries ignore conditions such as ``If-Match``, so two
writers could lose an entry: the caller holds the release lock, and every write is read back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slipway.core.errors import RegistryError
from slipway.core.reference import Reference
from slipway.registry.artifact import EMPTY, Artifact, Descriptor, fallback_tag, index_of, read_index
from slipway.registry.client import Registry
from slipway.registry.manifest import ImageManifest


class Artifacts:
    """Store and find the artifacts in ``registry``."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def store(self, reference: Reference, artifact: Artifact) -> str:
        """Store an artifact under the tag of ``reference``, and return its digest.

        Without a tag, it is stored by its digest alone. Raises RegistryError when the registry does not keep it.
        """
        manifest = artifact.manifest
        place = reference if reference.tag else replace(reference, digest=manifest.digest)
        for content in (EMPTY, artifact.content):
            self._registry.put_blob(reference, content)
        lists_itself = self._registry.put_listed(place, manifest)
        if (found := self._registry.digest(place)) != manifest.digest:
            raise RegistryError(f"{place}: stands for {found or 'nothing'} after the PUT, not {manifest.digest}")
        if artifact.subject and not lists_itself:
            self._list(reference, artifact.subject.digest, artifact.descriptor)
        return manifest.digest

    def referrers(self, subject: Reference, type: str = "") -> tuple[Descriptor, ...]:
        """Return the artifacts about the manifest ``subject``, a reference with a digest; only those of ``type``.

        Raises RegistryError.
        """
        pages = self._registry.referrers(subject)
        if pages is None:
            found = self._fallback(subject, subject.digest)
        else:
            found = tuple(one for page in pages for one in read_index(page) or ())
        return tuple(one for one in found if type in ("", one.artifact_type))

    def fetch(self, reference: Reference) -> Artifact:
        """Return the artifact of a tag or digest. Raises RegistryError when it is not one with one layer."""
        manifest = self._registry.manifest(reference)
        said = _described(manifest)
        try:
            (layer,) = said["layers"]
            subject = Descriptor.read(said["subject"]) if said.get("subject") else None
            content = self._registry.blob(reference, str(layer["digest"]))
            annotations = {str(name): str(text) for name, text in dict(said.get("annotations") or {}).items()}
            return Artifact(str(said["artifactType"]), str(layer["mediaType"]), content, subject, annotations)
        except (KeyError, TypeError, ValueError):
            raise RegistryError(f"{reference}: not an artifact with one layer") from None

    def _fallback(self, repository: Reference, digest: str) -> tuple[Descriptor, ...]:
        tagged = replace(repository, tag=fallback_tag(digest), digest="")
        if not self._registry.digest(tagged):
            return ()
        found = read_index(self._registry.manifest(tagged).body)
        if found is None:
            raise RegistryError(f"{tagged}: not a list of referrers")
        return found

    def _list(self, repository: Reference, subject: str, entry: Descriptor) -> None:
        """Add an entry to the list under the fallback tag, and read it back."""
        tagged = replace(repository, tag=fallback_tag(subject), digest="")
        listed = self._fallback(repository, subject)
        if entry in listed:
            return
        others = [one for one in listed if one.digest != entry.digest]
        self._registry.put(tagged, index_of([*others, entry]))
        if entry not in self._fallback(repository, subject):
            raise RegistryError(f"{tagged}: the entry {entry.digest[:19]} is not in the list after the PUT")


def _described(manifest: ImageManifest) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(manifest.body)
    return found
