"""Show the packages of images, or write their bills of materials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slipway.audit.cyclonedx import encoded
from slipway.audit.inventory import Installed
from slipway.core.writing import written
from slipway.tasks.audited import Audited, audit, look
from slipway.tasks.options import SbomOptions
from slipway.tasks.session import Session


def run_sbom(session: Session, names: Sequence[str], options: SbomOptions) -> None:
    """Show the packages of ``names``, of all images, or of ``--image``. With ``--output``, write a file of each."""
    audited = audit(session, look(session, names, options.image), names, options.image)
    files = [_write(one, Path(options.output)) if options.output else "" for one in audited]
    if session.json:
        session.answer([_as_json(one, file) for one, file in zip(audited, files, strict=True)])
        return
    for one, file in zip(audited, files, strict=True):
        _show(session, one, file)


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
