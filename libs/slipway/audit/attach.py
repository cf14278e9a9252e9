"""Store documents about an image beside it in the registry: artifacts whose subject is the image's own manifest.

The manifest stays as it is, so its digest is the one that was tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slipway.audit import cyclonedx, provenance
from slipway.audit.cyclonedx import encoded
from slipway.config.attach import Attachment
from slipway.core.errors import RegistryError
from slipway.core.reference import Reference
from slipway.registry import Registry
from slipway.registry.artifact import Artifact, Descriptor
from slipway.registry.artifacts import Artifacts

#: The annotation with which BuildKit, too, tells one in-toto statement from another.
PREDICATE = "in-toto.io/predicate-type"


@dataclass(frozen=True)
class Form:
    """Hold the form of a document as an artifact: its type, which is also that of its layer, and its annotations."""

    type: str
    annotations: Mapping[str, str]

    def has(self, found: Descriptor) -> bool:
        """Tell whether a descriptor in a list of referrers has this form."""
        return found.artifact_type == self.type and self.annotations.items() <= found.annotations.items()


FORMS = {
    Attachment.SBOM: Form(cyclonedx.MEDIA_TYPE, {}),
    Attachment.PROVENANCE: Form(provenance.MEDIA_TYPE, {PREDICATE: provenance.PREDICATE_TYPE}),
}


def find_attached(registry: Registry, image: Reference) -> frozenset[Attachment]:
    """Return the kinds of documents that the registry has about ``image``, a reference with a digest.

    Raises RegistryError.
    """
    found = Artifacts(registry).referrers(image)
    return frozenset(kind for kind, form in FORMS.items() if any(form.has(one) for one in found))


def attach(
    registry: Registry, image: Reference, documents: Mapping[Attachment, Mapping[str, Any]]
) -> Mapping[Attachment, str]:
    """Store ``documents`` about ``image`` as ``attach_all`` does. Return the digest of each artifact."""
    digests = attach_all(registry, image, [(FORMS[kind], document) for kind, document in documents.items()])
    return dict(zip(documents, digests, strict=True))


def attach_all(
    registry: Registry, image: Reference, documents: Sequence[tuple[Form, Mapping[str, Any]]]
) -> tuple[str, ...]:
    """Store ``documents`` about ``image``, a reference with a digest. Return the digest of each artifact.

    Each is read back, from the list of referrers and by its digest. The caller holds the release lock. Raises
    RegistryError when the registry does not keep one.
    """
    artifacts, subject = Artifacts(registry), Descriptor.of(registry.manifest(image))
    made = tuple(_artifact(form, document, subject) for form, document in documents)
    for artifact in made:
        artifacts.store(replace(image, digest=""), artifact)
    _check(artifacts, image, made)
    return tuple(artifact.manifest.digest for artifact in made)


def read_attached(registry: Registry, image: Reference, kind: Attachment) -> tuple[bytes, ...]:
    """Return the documents of a kind about ``image``, a reference with a digest. Raises RegistryError."""
    artifacts = Artifacts(registry)
    found = [one for one in artifacts.referrers(image) if FORMS[kind].has(one)]
    return tuple(artifacts.fetch(replace(image, digest=one.digest)).content for one in found)


def _artifact(form: Form, document: Mapping[str, Any], subject: Descriptor) -> Artifact:
    return Artifact(form.type, form.type, encoded(document), subject, form.annotations)


def _check(artifacts: Artifacts, image: Reference, made: Sequence[Artifact]) -> None:
    listed = {one.digest for one in artifacts.referrers(image)}
    for artifact in made:
        digest = artifact.manifest.digest
        if digest not in listed:
            raise RegistryError(f"{image}: the registry does not list {digest[:19]} ({artifact.type}) after the PUT")
        if artifacts.fetch(replace(image, digest=digest)) != artifact:
            raise RegistryError(f"{image}: the registry answers another document than {digest[:19]}")
