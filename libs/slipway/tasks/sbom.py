"""Show the packages of images, or write their bills of materials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from slipway.audit.contents import Below, Contents, origin, read_below, read_contents
from slipway.audit.cyclonedx import Subject, bill_of_materials, encoded
from slipway.audit.inventory import Installed, Inventory
from slipway.config.environment import surroundings
from slipway.core.errors import UsageError
from slipway.core.reference import Reference
from slipway.core.writing import written
from slipway.plan.facts import Snapshot
from slipway.runs.cache import UserCache
from slipway.smoke.layer_cache import LayerCache
from slipway.smoke.selection import image_of
from slipway.tasks.options import SbomOptions
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


def run_sbom(session: Session, names: Sequence[str], options: SbomOptions) -> None:
    """Show the packages of ``names``, of all images, or of ``--image``. With ``--output``, write a file of each."""
    snapshot = session.snapshot(() if options.image else names or None)
    audited = [_given(session, snapshot, options.image)] if options.image else _own(session, snapshot, names)
    files = [_write(one, Path(options.output)) if options.output else "" for one in audited]
    if session.json:
        session.answer([_as_json(one, file) for one, file in zip(audited, files, strict=True)])
        return
    for one, file in zip(audited, files, strict=True):
        _show(session, one, file)


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
        raise UsageError(f"sbom {name}: not built with the inputs as they are now", hint=hint)
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


def _write(one: Audited, folder: Path) -> str:
    path = folder / f"{one.name}.cdx.json"
    with written(path):
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(one.document))
    return str(path)


def _show(session: Session, one: Audited, file: str) -> None:
    """Show a line about the image, then a row for each package, or the file that has them."""
    counts = Counter(found.distribution.kind for found in one.inventory.installed)
    said = " · ".join([one.name, *(f"{count} {kind}" for kind, count in counts.items()), one.contents.id[:19]])
    session.console.line(f"{said} · {file}" if file else said)
    if not file:
        session.console.table([_row(one, found) for found in one.inventory.installed])


def _row(one: Audited, found: Installed) -> tuple[str, ...]:
    place = f"layer {found.layer} of {len(one.contents.layers)}"
    distribution = found.distribution
    return distribution.name, distribution.version, distribution.kind, one.origin(found), place


def _as_json(one: Audited, file: str) -> dict[str, Any]:
    return {
        "image": one.name,
        "reference": str(one.reference),
        "image_digest": one.contents.id,
        "file": file,
        "packages": [
            {
                "name": found.distribution.name,
                "version": found.distribution.version,
                "kind": found.distribution.kind,
                "purl": one.inventory.purl(found),
                "place": found.distribution.place,
                "layer": found.layer,
                "layer_id": found.layer_id,
                "brought_by": one.origin(found),
            }
            for found in one.inventory.installed
        ],
        "sbom": one.document,
    }
