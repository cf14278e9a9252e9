"""Keep the records of releases in the registry: one artifact for each version, written once.

They lie in the repository ``<OWNER>/releases``, under the version as tag, beside the images of OWNER.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from slipway.core.errors import LockedError, RegistryError, UsageError, one_line, suggestion
from slipway.core.reference import Reference
from slipway.core.threads import map_concurrently
from slipway.push.inspect import QUESTIONS
from slipway.registry import Registry
from slipway.registry.artifact import EMPTY, EMPTY_TYPE, Artifact, Descriptor
from slipway.registry.artifacts import Artifacts
from slipway.release.causes import ReleaseCause
from slipway.release.record import PREVIOUS, RECORD_TYPE, Record, read_record
from slipway.release.signature import Signature, artifact_of

REPOSITORY = "releases"
#: Stands for the record whose release is at work.
_CLAIM = "_claim"
#: Tags of lists of referrers, which slipway keeps for registries without such a list.
_LISTS = "sha256-"
#: Stands under the tag of the claim when no release is at work.
_FREE = Artifact("application/vnd.slipway.release.unclaimed", EMPTY_TYPE, EMPTY).manifest
_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Published:
    """Hold a record that the registry has, the digest of its manifest, and its exact bytes.

    ``signature``: the one that this run made or found.
    """

    record: Record
    digest: str
    content: bytes
    signature: Signature | None = None

    @classmethod
    def of(cls, record: Record) -> Self:
        return cls(record, record.artifact.manifest.digest, record.content)


class Records:
    """Read and write the records of the images of ``owner`` in ``registry``. ``host``: the registry in full names."""

    def __init__(self, registry: Registry, host: str, owner: str) -> None:
        self.repository = Reference(host, f"{owner}/{REPOSITORY}")
        self._registry = registry
        self._artifacts = Artifacts(registry)

    def reference(self, version: str) -> Reference:
        return self.repository.tagged(version)

    def digest(self, version: str) -> str:
        """Return the digest of the version's record, or an empty string when there is none. Raises RegistryError."""
        return self._registry.digest(self.reference(version))

    def find(self, version: str) -> Published | None:
        """Return the version's record, or None when there is none.

        Raises RegistryError, also for an artifact that is not a record.
        """
        digest = self.digest(version)
        if not digest:
            return None
        found = self.read(digest)
        if found.record.version != version:  # a signed record of one version says nothing about another
            raise RegistryError(f"{self.reference(version)}: is the record of {one_line(found.record.version)}")
        return found

    def read(self, digest: str) -> Published:
        """Return the record with this digest. Raises RegistryError."""
        return self._read(replace(self.repository, digest=digest))

    def get(self, version: str) -> Published:
        """Return the version's record. Raises UsageError when there is none, and RegistryError."""
        found = self.find(version)
        if found is None:
            known = self.versions()
            hint = suggestion(version, known, f"known: {', '.join(known)}" if known else "invoke release")
            what = f"release {one_line(version)}: {self.repository} has no record of it"
            raise UsageError(what, hint=hint, code=ReleaseCause.UNKNOWN)
        return found

    def versions(self) -> tuple[str, ...]:
        """Return the versions with a record, the highest number first. Raises RegistryError."""
        return tuple(self._manifests())

    def all(self) -> tuple[Published, ...]:
        """Return all records, newest version first. Raises RegistryError."""
        digests = [digest for digest, _ in self._manifests().values()]
        exact = [replace(self.repository, digest=digest) for digest in digests]
        return tuple(map_concurrently(self._read, exact, at_once=QUESTIONS))

    def newest(self) -> str:
        """Return the digest of the record that no other record names as the one before; empty without records."""
        known = list(self._manifests().values())
        named = {previous for _, previous in known}
        return next((digest for digest, _ in known if digest not in named), "")

    def check_write(self) -> None:
        """Raise RegistryError unless this login may write records."""
        self._registry.check_write(self.repository)

    def store(self, record: Record) -> str:
        """Store a record by its digest alone, and return the digest. Raises RegistryError."""
        return self._artifacts.store(self.repository, record.artifact)

    def claimed(self) -> str:
        """Return the digest of the record whose release claims the tags; empty without one. Raises RegistryError."""
        found = self._registry.digest(self.reference(_CLAIM))
        return "" if found == _FREE.digest else found

    def claim(self, record: Record) -> None:
        """Claim the tags for a stored record. Raises RegistryError."""
        self._registry.put(self.reference(_CLAIM), record.artifact.manifest)

    def free(self) -> None:
        """Remove the claim. Raises RegistryError."""
        self._registry.put(self.reference(_CLAIM), _FREE)

    def signatures(self, digest: str, type: str) -> tuple[bytes, ...]:
        """Return the signatures of ``type`` of the record with this digest. Raises RegistryError."""
        found = self._artifacts.referrers(replace(self.repository, digest=digest), type)
        return tuple(self._artifacts.fetch(replace(self.repository, digest=one.digest)).content for one in found)

    def store_signature(self, digest: str, signature: bytes, type: str) -> None:
        """Store a signature as a referrer of the record with this digest. Raises RegistryError."""
        manifest = self._registry.manifest(replace(self.repository, digest=digest))
        self._artifacts.store(self.repository, artifact_of(signature, type, Descriptor.of(manifest)))

    def publish(self, record: Record) -> None:
        """Put a stored record under its version.

        Raises LockedError when another record stands there, and RegistryError.
        """
        self.refuse_other(record)
        reference = self.reference(record.version)
        try:
            self._artifacts.store(reference, record.artifact)
        except RegistryError:
            self.refuse_other(record)
            if self.digest(record.version) != record.artifact.manifest.digest:
                raise

    def refuse_other(self, record: Record) -> None:
        """Raise LockedError when the registry has another record of the version. Raises RegistryError."""
        first = self.digest(record.version)
        if first and first != record.artifact.manifest.digest:
            raise written_first(self.reference(record.version), first)

    def _read(self, reference: Reference) -> Published:
        artifact = self._artifacts.fetch(reference)
        if artifact.type != RECORD_TYPE:
            raise RegistryError(f"{reference}: is not a record of a release: its type is {artifact.type}")
        return Published(read_record(artifact.content, f"{reference}"), reference.digest, artifact.content)

    def _manifests(self) -> Mapping[str, tuple[str, str]]:
        """Return the digest of each version's record and of the record before, newest version first."""
        tags = [tag for tag in self._registry.tags(self.repository) if tag != _CLAIM and not tag.startswith(_LISTS)]
        asked = [self.reference(tag) for tag in newest_first(tags)]
        found = map_concurrently(self._registry.manifest, asked, at_once=QUESTIONS)
        return {
            reference.tag: (manifest.digest, manifest.annotations.get(PREVIOUS, ""))
            for reference, manifest in zip(asked, found, strict=True)
            if manifest.artifact_type == RECORD_TYPE
        }


def written_first(reference: Reference, digest: str) -> LockedError:
    """Return the error of a second writer, which names the record of the first one."""
    return LockedError(
        f"{reference}: was written before, as {digest}, and has other content",
        hint="a version is released once: --version with a new one",
        code=ReleaseCause.WRITTEN,
    )


def newest_first(versions: Iterable[str]) -> list[str]:
    """Sort versions by the numbers in them: v1.10 comes before v1.9."""
    return sorted(versions, key=_pieces, reverse=True)


def _pieces(version: str) -> list[tuple[int, int, str]]:
    split = _NUMBER.split(version)
    return [(1, int(piece), "") if piece.isdigit() else (0, 0, piece) for piece in split]
