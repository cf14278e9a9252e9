"""Find the image of this stack that a FROM means.

An image has the repository ``REGISTRY/OWNER/<name>``, the same without a registry, one that the table declares, or one
of its aliases. The last part of a path alone never decides. The tag must be missing, moving, a version of the stack, or
the image's own. A digest always means a root image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from slipway.config.images import filled
from slipway.core.reference import HUB, Reference
from slipway.stack.definition import Definition

#: Tags that always move: the names of main branches.
BRANCHES = ("latest", "main", "master")


@dataclass(frozen=True)
class Naming:
    """Hold the parts of this stack's image names.

    ``base_version`` and ``version``: the version tags of bases and services. ``moving``: the tags that move between
    versions, such as ``latest``.
    """

    registry: str
    owner: str
    base_version: str
    version: str
    moving: tuple[str, ...] = ()

    @property
    def prefix(self) -> str:
        return f"{self.registry}/{self.owner}"

    @property
    def shared(self) -> bool:
        """Tell whether other publishers have images under this prefix: Docker Hub's official images."""
        return self.prefix == f"{HUB}/library"

    @property
    def versions(self) -> tuple[str, ...]:
        return (self.base_version, self.version)

    def version_of(self, kind: str) -> str:
        return self.base_version if kind == "base" else self.version

    def reference(self, definition: Definition, kind: str) -> Reference:
        """Return the reference that the image gets."""
        path = definition.repository.removeprefix(f"{self.registry}/") or f"{self.owner}/{definition.name}"
        return Reference(self.registry, path, _tag(definition, self.version_of(kind)))


@dataclass(frozen=True)
class OwnImages:
    """Hold the references of the stack's images, and find the image that a FROM means."""

    definitions: Sequence[Definition]
    naming: Naming

    @cached_property
    def names(self) -> frozenset[str]:
        """Return the names of the stack's images."""
        return frozenset(one.name for one in self.definitions)

    @cached_property
    def _by_repository(self) -> dict[str, dict[str, set[str]]]:
        """Return repository → image → the tags that mean this image alone."""
        found: dict[str, dict[str, set[str]]] = {}
        for definition in self.definitions:
            for reference in self._references(definition):
                tags = found.setdefault(reference.repository, {}).setdefault(definition.name, set())
                tags |= {reference.tag} - {""}
        return found

    def _references(self, definition: Definition) -> Iterator[Reference]:
        """Yield the references that mean the image. A tag of its own also has each moving tag as its version."""
        moving = self.naming.moving if definition.tag and not self.naming.shared else ()
        for version in (*self.naming.versions, *moving):
            path = self.naming.reference(definition, "").path
            tag = _tag(definition, version)
            yield Reference(self.naming.registry, path, tag)
            if not path.startswith("library/"):
                yield Reference(HUB, path, tag)
        yield from map(Reference.read, definition.aliases)

    def meant(self, base: str, by: str) -> str:
        """Return the image that ``base`` means in the Dockerfile of the image ``by``; empty for a root image.

        An image often stands on the published image of its own name. Only its own version here means the image itself.
        """
        reference = Reference.read(base)
        found = self._by_repository.get(reference.repository, {})
        if reference.digest or not found:
            return ""
        named = [name for name, tags in found.items() if reference.tag in tags]
        loose = ("", *(() if self.naming.shared else self.naming.moving))
        if not named and reference.tag in loose:
            named = list(found)
        if named == [by] and not (reference.registry == self.naming.registry and self.has_stack_version(base)):
            return ""
        return named[0] if len(named) == 1 else ""

    def other_tag(self, base: str, by: str) -> str:
        """Return the image in whose repository ``base`` has another tag, or an empty string."""
        reference = Reference.read(base)
        found = self._by_repository.get(reference.repository, {}).keys() - {by}
        return next(iter(sorted(found)), "") if reference.tag and not self.meant(base, by) else ""

    def unknown(self, base: str) -> str:
        """Return the name in ``base`` when it has this stack's prefix, but means no image; else an empty string."""
        reference = Reference.read(base)
        prefix = f"{self.naming.prefix}/"
        if self.naming.shared or not reference.repository.startswith(prefix) or reference.digest:
            return ""
        return "" if reference.repository in self._by_repository else reference.repository.removeprefix(prefix)

    def has_stack_version(self, base: str) -> bool:
        """Tell whether ``base`` has no tag, or a version of this stack."""
        return Reference.read(base).tag in ("", *self.naming.versions)


def _tag(definition: Definition, version: str) -> str:
    return filled(definition.tag, {"version": version}) if definition.tag else version
