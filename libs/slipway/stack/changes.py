"""Compare two manifests of an image, and name each input that differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from types import MappingProxyType

from slipway.core.errors import one_line
from slipway.stack.digest import Manifest
from slipway.stack.entries import Encoded, FileEntry, Kind, Trees, decode, without_mode

_NO_TREES: Trees = MappingProxyType({})
#: The modes in a checkout under umask 022, as git records them. None is an entry without a mode.
_USUAL_MODES = (None, 0o100644, 0o100755, 0o40755)


class Part(Enum):
    """Name the kinds of inputs."""

    DOCKERFILE = auto()
    FILE = auto()
    CONTEXT = auto()
    ARG = auto()
    ROOT = auto()
    SETTING = auto()
    PARENT = auto()
    STAGE = auto()


class How(StrEnum):
    """Name the ways in which an input differs, in the order in which slipway lists them."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


#: The words before the name of an input in a text for the user.
_BEFORE_NAME = {
    Part.CONTEXT: "context ",
    Part.ARG: "arg ",
    Part.ROOT: "root image ",
    Part.PARENT: "parent ",
    Part.STAGE: "FROM of stage ",
}


@dataclass(frozen=True)
class Change:
    """Hold one input that differs. ``name``: a path, an image, an ARG and so on, by ``part``."""

    part: Part
    name: str
    how: How = How.CHANGED

    def __str__(self) -> str:
        return f"{_BEFORE_NAME.get(self.part, '')}{one_line(self.name)} {self.how}"


def differences(old: Manifest, new: Manifest, trees: Trees = _NO_TREES) -> tuple[Change, ...]:
    """List the changes from ``old`` to ``new``, the most significant first; empty when equal.

    A changed folder appears as the changed files in it when ``trees`` holds both listings.
    """
    dockerfile = () if old.dockerfile == new.dockerfile else (Change(Part.DOCKERFILE, "Dockerfile"),)
    found = (
        *dockerfile,
        *_files(old.files, new.files, trees),
        *_compare(Part.CONTEXT, old.contexts, new.contexts),
        *_compare(Part.ARG, old.args, new.args),
        *_compare(Part.ROOT, old.roots, new.roots),
        *_compare(Part.SETTING, old.settings, new.settings),
        *_compare(Part.PARENT, old.parents, new.parents),
    )
    return found or _compare(Part.STAGE, old.stages, new.stages)  # ``found`` has a new parent or root image already


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


def _files(old: Mapping[str, FileEntry], new: Mapping[str, FileEntry], trees: Trees) -> tuple[Change, ...]:
    found: set[Change] = set()
    for change in _compare(Part.FILE, old, new):
        before, after = _listing(old.get(change.name), trees), _listing(new.get(change.name), trees)
        if before is not None and after is not None and old[change.name].content != new[change.name].content:
            prefix = "" if change.name == "." else f"{change.name}/"
            found |= {replace(inside, name=f"{prefix}{inside.name}") for inside in _compare(Part.FILE, before, after)}
        else:
            found.add(change)
    return _ordered(found)


def _compare(part: Part, old: Mapping[str, object], new: Mapping[str, object]) -> tuple[Change, ...]:
    changed = [Change(part, name) for name in new if name in old and old[name] != new[name]]
    added = [Change(part, name, How.ADDED) for name in new if name not in old]
    removed = [Change(part, name, How.REMOVED) for name in old if name not in new]
    return _ordered((*changed, *added, *removed))


def _ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    order = tuple(How)
    return tuple(sorted(changes, key=lambda change: (order.index(change.how), change.name)))


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
