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
from dataclasses import dataclass, field
from types import MappingProxyType

from slipway.errors import one_line

#: Raised when the meaning of the digest changes; every image is then built anew once.
FORMAT = "slipway-input-2"

_NO_TREES: Mapping[str, Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class Manifest:
    """The inputs of one image, each part a mapping from its name to a short text that stands for its content.

    files: posix path → ``<mode> <kind> <sha256 or link target>`` · args: name → value · parents: image → input digest ·
    roots: reference → identity (a digest or image id) · settings: platform, target and the like · stages: index (and
    platform, if there are several) → what the stage stands on · contexts: named context → its tree.
    """

    dockerfile: str
    files: Mapping[str, str] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    roots: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    stages: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, str] = field(default_factory=dict)


PARTS = ("files", "args", "parents", "roots", "settings", "stages", "contexts")


def input_digest(manifest: Manifest) -> str:
    """``sha256:…`` of the manifest. Every name and value is length-prefixed, so no two manifests collide by joining."""
    hasher = hashlib.sha256()
    _feed(hasher, FORMAT)
    _feed(hasher, manifest.dockerfile)
    for part in PARTS:
        entries: Mapping[str, str] = getattr(manifest, part)
        _feed(hasher, f"{part} {len(entries)}")
        for name in sorted(entries, key=_bytes):
            _feed(hasher, name)
            _feed(hasher, entries[name])
    return f"sha256:{hasher.hexdigest()}"


#: A folder's listing by the ``tree:<sha256>`` that stands for it.
Trees = Mapping[str, Mapping[str, str]]


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


def _files(old: Mapping[str, str], new: Mapping[str, str], trees: Trees) -> list[tuple[str, str]]:
    said: set[tuple[str, str]] = set()
    for name, how in _compare(old, new):
        before, after = _tree(old.get(name, "")), _tree(new.get(name, ""))
        if before != after and before in trees and after in trees:
            prefix = "" if name == "." else f"{name}/"
            said |= {(f"{prefix}{path}", what) for path, what in _compare(trees[before], trees[after])}
        else:
            said.add((name, how))
    return sorted(said, key=lambda change: (("changed", "added", "removed").index(change[1]), change[0]))


def _tree(text: str) -> str:
    """The ``tree:<sha256>`` in a file's text, or an empty string."""
    return next((word for word in text.split(" ") if word.startswith("tree:")), "")


def _compare(old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str]]:
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
