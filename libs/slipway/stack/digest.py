"""The input digest: an image named by what it is made of.

A Merkle digest over the Dockerfile, the files it reads, the build args that enter the image, the platform and the
parents' digests. Nothing of time, owner, order or machine enters. The manifest keeps each part by name, so that two
manifests can be compared and the difference told.

An arg counts by its use. One that only FROM lines use counts through what the stages stand on: a new version of the
same parent changes nothing. One that a stage declares counts by its value, though nothing reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from slipway.core.errors import one_line
from slipway.stack.entries import Encoded, FileEntry, Kind, Trees, decode, without_mode

#: Raised when the meaning of the digest changes; every image is then built anew once.
FORMAT = "slipway-input-2"

_NO_TREES: Trees = MappingProxyType({})
#: The modes that git records, and none.
_USUAL_MODES = (None, 0o100644, 0o100755, 0o40755)


@dataclass(frozen=True)
class Manifest:
    """The inputs of one image, each part a mapping from its name to what stands for its content.

    files: posix path → entry · args: name → value · parents: image → input digest ·
    roots: reference → identity (a digest or image id) · settings: platform, target and the like · stages: index (and
    platform, if there are several) → what the stage stands on · contexts: named context → the entry of its
    tree.
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
#: Those whose values are entries, not texts.
ENTRY_PARTS = ("files", "contexts")


def input_digest(manifest: Manifest) -> str:
    """``sha256:…`` of the manifest. Every name and value is length-prefixed, so no two manifests collide by joining."""
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
    """One of ``PARTS`` as it is hashed and kept: name → text."""
    entries: Mapping[str, str | FileEntry] = getattr(manifest, part)
    return {name: entry.encode() if isinstance(entry, FileEntry) else entry for name, entry in entries.items()}


def modeless(manifest: Manifest, trees: Trees, parents: Mapping[str, str]) -> str:
    """What the input digest would be if no mode counted; ``parents`` are digests of this kind, too.

    Two images that have it in common differ in modes alone.
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


def modes_between(old: Manifest, new: Manifest, trees: Trees = _NO_TREES) -> tuple[str, ...]:
    """``<file> 0644 → 0664`` for each whose mode differs, where nothing else of the image itself does; else nothing.

    What the parents are made of is not looked at.
    """
    if differences(replace(old, files=new.files, parents=new.parents), new):
        return ()
    before, after = _listed(old.files, trees), _listed(new.files, trees)
    changed = sorted(name for name in after if before.get(name) != after[name])
    if before.keys() != after.keys() or any(
        without_mode(before[name]) != without_mode(after[name]) for name in changed
    ):
        return ()
    return tuple(f"{one_line(name)} {_mode(before[name])} → {_mode(after[name])}" for name in changed)


def unusual_modes(manifest: Manifest, trees: Trees) -> tuple[str, ...]:
    """``<file> 0664`` for each whose mode is none that git records, as under another umask than 022."""
    found = sorted(_listed(manifest.files, trees).items())
    return tuple(f"{one_line(name)} {_mode(text)}" for name, text in found if decode(text).mode not in _USUAL_MODES)


def _listed(files: Mapping[str, FileEntry], trees: Trees) -> dict[str, Encoded]:
    """``files``, and what is in the folders among them whose listings are known: these are told without their trees."""
    found: dict[str, Encoded] = {}
    for name, entry in files.items():
        prefix = "" if name == "." else f"{name}/"
        listing = _listing(entry, trees)
        found[name] = (entry if listing is None else entry._replace(content="")).encode()
        found |= {f"{prefix}{path}": inside for path, inside in (listing or {}).items()}
    return found


def _listing(entry: FileEntry | None, trees: Trees) -> Mapping[str, Encoded] | None:
    """What is in a folder; None for what is not a folder, and for one whose listing is not known."""
    return trees.get(entry.content) if entry and entry.kind is Kind.TREE else None


def _mode(text: Encoded) -> str:
    """A file's mode as ``ls`` users know it: ``0644``."""
    mode = decode(text).mode
    return "-" if mode is None else f"{mode & 0o7777:04o}"


def differences(old: Manifest, new: Manifest, trees: Trees = _NO_TREES) -> tuple[str, ...]:
    """What changed from ``old`` to ``new``, most telling first, as a person says it; empty when equal.

    A changed folder is told by its files where ``trees`` holds both listings.
    """
    said: list[str] = []
    if old.dockerfile != new.dockerfile:
        said.append("Dockerfile changed")
    said += [f"{one_line(name)} {how}" for name, how in _files(old.files, new.files, trees)]
    said += [f"context {name} {how}" for name, how in _compare(old.contexts, new.contexts)]
    said += [f"arg {name} {how}" for name, how in _compare(old.args, new.args)]
    said += [f"root image {name} {how}" for name, how in _compare(old.roots, new.roots)]
    said += [f"{name} {how}" for name, how in _compare(old.settings, new.settings)]
    said += [f"parent {name} {how}" for name, how in _compare(old.parents, new.parents)]
    stages = [f"FROM of stage {name} {how}" for name, how in _compare(old.stages, new.stages)]
    return tuple(said or stages)  # another parent or root image is told already


def _files(old: Mapping[str, FileEntry], new: Mapping[str, FileEntry], trees: Trees) -> list[tuple[str, str]]:
    said: set[tuple[str, str]] = set()
    for name, how in _compare(old, new):
        before, after = _listing(old.get(name), trees), _listing(new.get(name), trees)
        if before is not None and after is not None and old[name].content != new[name].content:
            prefix = "" if name == "." else f"{name}/"
            said |= {(f"{prefix}{path}", what) for path, what in _compare(before, after)}
        else:
            said.add((name, how))
    return sorted(said, key=lambda change: (("changed", "added", "removed").index(change[1]), change[0]))


def _compare(old: Mapping[str, object], new: Mapping[str, object]) -> list[tuple[str, str]]:
    changed = [(name, "changed") for name in new if name in old and old[name] != new[name]]
    added = [(name, "added") for name in new if name not in old]
    removed = [(name, "removed") for name in old if name not in new]
    return sorted(changed) + sorted(added) + sorted(removed)


def _bytes(text: str) -> bytes:
    """File names need not be UTF-8: surrogates stand for the odd bytes."""
    return text.encode("utf-8", "surrogateescape")


def _feed(hasher: hashlib._Hash, text: str) -> None:
    data = _bytes(text)
    hasher.update(b"%d:" % len(data))
    hasher.update(data)
