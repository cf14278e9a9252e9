"""Store the inputs of built images in ``.slipway/inputs/``, so that a later plan can report which input changed."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from slipway.core.writing import replaced, written
from slipway.runs.files import for_owner, prune
from slipway.stack.digest import ENTRY_PARTS, PARTS, Manifest, part_as_texts
from slipway.stack.entries import Encoded, Kind, Trees, decode

#: The number of files to keep in total and for each image; the larger total applies. A build has a manifest and trees.
_KEPT_INPUTS, _KEPT_OF_EACH = 500, 12


def save_inputs(home: Path, made: Mapping[str, Manifest], trees: Trees, *, images: int) -> None:
    """Store the manifests of built images, by input digest, so that a later plan can report the changes.

    ``images``: the number of images in the stack. slipway keeps several builds of each. Raises UnwritableError.
    """
    folder = home / "inputs"
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for digest, manifest in made.items():
        named = set(_trees(manifest))
        for tree in named & trees.keys():
            _write_once(folder / f"{tree}.json", trees[tree])
        content = {"dockerfile": manifest.dockerfile, **{part: part_as_texts(manifest, part) for part in PARTS}}
        _write_once(folder / f"{digest.removeprefix('sha256:')}.json", content)
    prune(folder, max(_KEPT_INPUTS, _KEPT_OF_EACH * images))


def load_inputs(home: Path, input_digest: str) -> tuple[Manifest | None, dict[str, dict[str, Encoded]]]:
    """Return the manifest stored for a digest, and its trees; None and no trees when it is not stored.

    A tree that cannot be read is missing in the result.
    """
    folder = home / "inputs"
    try:
        content = json.loads((folder / f"{input_digest.removeprefix('sha256:')}.json").read_text("utf-8"))
        entries = {part: {path: decode(text) for path, text in content[part].items()} for part in ENTRY_PARTS}
        manifest = Manifest(**{**content, **entries})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None, {}
    trees: dict[str, dict[str, Encoded]] = {}
    for tree in _trees(manifest):
        with contextlib.suppress(OSError, ValueError):
            trees[tree] = json.loads((folder / f"{tree}.json").read_text("utf-8"))
    return manifest, trees


def _trees(manifest: Manifest) -> Iterator[str]:
    """Return the digests of the trees among its files and contexts."""
    entries = (*manifest.files.values(), *manifest.contexts.values())
    return (entry.content for entry in entries if entry.kind is Kind.TREE)


def _write_once(path: Path, content: Mapping[str, Any]) -> None:
    with written(path):
        if path.exists():
            os.utime(path)
            return
        with replaced(path) as scratch, open(scratch, "w", encoding="utf-8", opener=for_owner) as file:
            json.dump(content, file)
