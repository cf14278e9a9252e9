"""Compute the input digest, which names an image by its inputs.

It is a Merkle digest over the Dockerfile, the files that it reads, the build args that enter the image, the platform
and the parents' digests. Time, owner, order and machine do not count. The manifest keeps each part by name, so that
``changes`` can compare two manifests.

An ARG that only FROM lines use counts through the bases of the stages: a new version of the same parent changes
nothing. An ARG that a stage declares counts by its value, even when no instruction reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from slipway.stack.entries import FileEntry, Kind, Trees, without_mode

#: A new number marks a new meaning of the digest. slipway then builds every image again, once.
FORMAT = "slipway-input-2"


@dataclass(frozen=True)
class Manifest:
    """Hold the inputs of one image. Each part maps a name to the text or entry that describes its content.

    - ``files``: posix path → entry.
    - ``args``: name → value.
    - ``parents``: image → input digest.
    - ``roots``: reference → identity (a digest or image id).
    - ``settings``: the platform, the context's folder and similar values.
    - ``stages``: index (and platform, if there are several) → the base of the stage.
    - ``contexts``: named context → the entry of its tree.
    """

    dockerfile: str
    files: Mapping[str, FileEntry] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    roots: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    stages: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, FileEntry] = field(default_factory=dict)


PARTS = ("files", "args", "parents", "roots", "settings", "stages", "contexts")
#: The parts whose values are entries, not texts.
ENTRY_PARTS = ("files", "contexts")


def input_digest(manifest: Manifest) -> str:
    """Return the digest of the manifest as ``sha256:…``.

    The length of every name and value is hashed before it, so two manifests never have the same hashed text.
    """
    return _digest(manifest.dockerfile, {part: part_as_texts(manifest, part) for part in PARTS})


def _digest(dockerfile: str, parts: Mapping[str, Mapping[str, str]]) -> str:
    hasher = hashlib.sha256()
    _feed(hasher, FORMAT)
    _feed(hasher, dockerfile)
    for part in PARTS:
        entries = parts.get(part, {})
        _feed(hasher, f"{part} {len(entries)}")
        for name in sorted(entries, key=_bytes):
            _feed(hasher, name)
            _feed(hasher, entries[name])
    return f"sha256:{hasher.hexdigest()}"


def part_as_texts(manifest: Manifest, part: str) -> dict[str, str]:
    """Return one of ``PARTS`` as slipway hashes and stores it: name → text."""
    entries: Mapping[str, str | FileEntry] = getattr(manifest, part)
    return {name: entry.encode() if isinstance(entry, FileEntry) else entry for name, entry in entries.items()}


def modeless(manifest: Manifest, trees: Trees, parents: Mapping[str, str]) -> str:
    """Return an input digest in which file modes do not count.

    ``parents``: the digests of this kind of the parents. Images with equal results differ in modes only.
    """
    stripped: dict[str, str] = {}

    def strip(entry: FileEntry) -> FileEntry:
        if entry.kind is not Kind.TREE or entry.content not in trees:
            return entry.without_mode()
        if entry.content not in stripped:
            listing = {path: without_mode(inside) for path, inside in trees[entry.content].items()}
            stripped[entry.content] = _digest("", {"files": listing})
        return FileEntry(Kind.FILE, None, stripped[entry.content], entry.attributes, entry.via)

    files = {name: strip(entry) for name, entry in manifest.files.items()}
    contexts = {name: strip(entry) for name, entry in manifest.contexts.items()}
    return input_digest(replace(manifest, files=files, contexts=contexts, parents=parents))


def _bytes(text: str) -> bytes:
    """Encode ``text`` as UTF-8. In a file name that is not UTF-8, surrogates become the original bytes."""
    return text.encode("utf-8", "surrogateescape")


def _feed(hasher: hashlib._Hash, text: str) -> None:
    data = _bytes(text)
    hasher.update(b"%d:%b" % (len(data), data))
