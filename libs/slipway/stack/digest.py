"""Compute the input digest, which names an image by its inputs.

It is a Merkle digest over the Dockerfile, the files that it reads, the build args that enter the image, the platform
and the parents' digests. Time, owner, order and machine do not count. The manifest keeps each part by name, so that
slipway can compare two manifests and report the difference.

An ARG that only FROM lines use counts through the bases of the stages: a new version of the same parent changes
nothing. An ARG that a stage declares counts by its value, even when no instruction reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from slipway.core.errors import one_line
from slipway.stack.entries import Encoded, FileEntry, Kind, Trees, decode, without_mode

#: A new number marks a new meaning of the digest. slipway then builds every image again, once.
FORMAT = "slipway-input-2"

_NO_TREES: Trees = MappingProxyType({})
#: The modes in a checkout under umask 022, as git records them. None is an entry without a mode.
_USUAL_MODES = (None, 0o100644, 0o100755, 0o40755)


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


def modes_between(old: Manifest, new: Manifest, trees: Trees = _NO_TREES) -> tuple[str, ...]:
    """List the files whose modes differ, as ``<file> 0644 → 0664``; empty when the image differs in more.

    The function does not compare the parents.
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
    """List the files whose modes git does not record, as ``<file> 0664``; a umask other than 022 sets them."""
    found = sorted(_listed(manifest.files, trees).items())
    return tuple(f"{one_line(name)} {_mode(text)}" for name, text in found if decode(text).mode not in _USUAL_MODES)


def _listed(files: Mapping[str, FileEntry], trees: Trees) -> dict[str, Encoded]:
    """Return ``files`` together with the entries in their folders, where ``trees`` has the listings.

    The entry of such a folder does not hold the digest of its listing.
    """
    found: dict[str, Encoded] = {}
    for name, entry in files.items():
        prefix = "" if name == "." else f"{name}/"
        listing = _listing(entry, trees)
        found[name] = (entry if listing is None else entry._replace(content="")).encode()
        found |= {f"{prefix}{path}": inside for path, inside in (listing or {}).items()}
    return found


def _listing(entry: FileEntry | None, trees: Trees) -> Mapping[str, Encoded] | None:
    """Return the listing of a folder; None when the entry is not a folder or ``trees`` does not have the listing."""
    return trees.get(entry.content) if entry and entry.kind is Kind.TREE else None


def _mode(text: Encoded) -> str:
    """Return a file's mode as four octal digits, such as ``0644``; ``-`` when it has none."""
    mode = decode(text).mode
    return "-" if mode is None else f"{mode & 0o7777:04o}"


def differences(old: Manifest, new: Manifest, trees: Trees = _NO_TREES) -> tuple[str, ...]:
    """List the changes from ``old`` to ``new`` for the user, the most significant first; empty when equal.

    A changed folder appears as the changed files in it when ``trees`` holds both listings.
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
    return tuple(said or stages)  # a new parent or root image is in ``said`` already


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
    """Encode ``text`` as UTF-8. In a file name that is not UTF-8, surrogates become the original bytes."""
    return text.encode("utf-8", "surrogateescape")


def _feed(hasher: hashlib._Hash, text: str) -> None:
    data = _bytes(text)
    hasher.update(b"%d:" % len(data))
    hasher.update(data)
