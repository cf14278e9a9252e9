"""Read the packages of images: of those built from the repository, or of one that the user names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from slipway.audit.contents import Below, Contents, origin, read_below, read_contents
from slipway.audit.cyclonedx import Subject, bill_of_materials
from slipway.audit.inventory import Installed, Inventory
from slipway.config.environment import surroundings
from slipway.core.errors import UsageError
from slipway.core.reference import Reference
from slipway.plan.facts import Snapshot
from slipway.runs.cache import UserCache
from slipway.smoke.layer_cache import LayerCache
from slipway.smoke.selection import image_of
from slipway.tasks.selection import only
from slipway.tasks.session import Session


@dataclass(frozen=True)
class Audited:
    """Hold an image with its packages. ``below``: the images on which it stands, lowest first."""

    name: str
    reference: Reference
    contents: Contents
    inventory: Inventory
    below: tuple[Below, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        subject = Subject(self.reference.repository, self.contents.id, self.contents.platform)
        return bill_of_materials(subject, self.inventory, version("slipway"))

    def origin(self, one: Installed) -> str:
        """Return the name of the image that brought a package."""
        chain = [layer.name for layer in self.contents.layers]
        return origin(one.layer, chain, self.below, self.name)


def look(session: Session, names: Sequence[str], image: str) -> Snapshot:
    """Return the facts about ``names``, or about all images; none are asked for with a reference ``image``."""
    return session.snapshot(() if image else names or None)


def audit(session: Session, snapshot: Snapshot, names: Sequence[str], image: str) -> list[Audited]:
    """Return ``names``, all images, or the image of the reference ``image``, with their packages.

    Raises UsageError for an image that the engine does not have.
    """
    return [_given(session, snapshot, image)] if image else _own(session, snapshot, names)


def _own(session: Session, snapshot: Snapshot, names: Sequence[str]) -> list[Audited]:
    chosen = only(names, tuple(snapshot.facts.digests), "image")
    return [_audited(session, snapshot, name, _built(session, snapshot, name)) for name in chosen]


def _given(session: Session, snapshot: Snapshot, image: str) -> Audited:
    """Return the image that ``--image`` names; one of this repository stands on its bases."""
    reference = Reference.parse(image)
    found = session.host.engine.find(image) or session.host.engine.fetch(reference.full)
    if name := image_of(reference, snapshot.stack):
        return replace(_audited(session, snapshot, name, found), reference=reference)
    contents = read_contents(session.host.engine, found, _cache())
    return Audited(reference.name, reference, contents, contents.inventory)


def _built(session: Session, snapshot: Snapshot, name: str) -> str:
    found = snapshot.facts.in_engine(name)
    if not found:
        hint = f"invoke build {name}{session.host.flag}"
        raise UsageError(f"{name}: not built with the inputs as they are now", hint=hint)
    return found.id


def _audited(session: Session, snapshot: Snapshot, name: str, image: str) -> Audited:
    contents = read_contents(session.host.engine, image, _cache())
    below = tuple(_below(session, snapshot, name))
    return Audited(name, snapshot.facts.references[name], contents, contents.inventory, below)


def _below(session: Session, snapshot: Snapshot, name: str) -> Iterator[Below]:
    """Yield the root image and the bases below ``name``, lowest first, as far as the engine has them."""
    stack = snapshot.stack
    bases = stack.below(name)
    root = stack[next(iter(bases), name)].foundation
    identified = [(root, root)] if root else []
    identified += [(base, found.id) for base in bases if (found := snapshot.facts.in_engine(base))]
    for known, image in identified:
        if read := read_below(session.host.engine, known, image):
            yield read


def _cache() -> LayerCache:
    return LayerCache(UserCache(surroundings().cache).layers())
