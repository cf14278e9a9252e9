"""List the images of the repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slipway.core.units import size
from slipway.plan.facts import Snapshot
from slipway.tasks.session import Session


def run_images(session: Session, names: Sequence[str]) -> None:
    """List ``names``, or all images, as a tree or as JSON."""
    snapshot = session.snapshot(names or None)
    entries = [entry for entry in images_json(snapshot) if not names or entry["image"] in names]
    if session.json:
        session.answer(entries)
    else:
        session.console.tree(snapshot.stack, images_rows(snapshot, entries))


def images_json(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return an entry per image: its source, its digests, and its state in the engine."""
    facts = snapshot.facts
    entries = []
    for image in snapshot.stack:
        found = facts.in_engine(image.name) or facts.newest.get(image.name)
        entries.append(
            {
                "image": image.name,
                "kind": image.kind,
                "dockerfile": image.dockerfile,
                "parents": image.parents,
                "roots": image.roots,
                "reference": str(facts.references[image.name]),
                "input_digest": facts.digests[image.name],
                "image_digest": found.id if found else "",
                "bytes": found.size if found else 0,
                "state": facts.presence(image.name),
            }
        )
    return entries


def images_rows(snapshot: Snapshot, entries: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the cells of each image: version, size, digest, state."""
    return {
        entry["image"]: (
            snapshot.facts.references[entry["image"]].tag,
            size(entry["bytes"]) if entry["bytes"] else "",
            entry["image_digest"][:19],
            entry["state"],
        )
        for entry in entries
    }
