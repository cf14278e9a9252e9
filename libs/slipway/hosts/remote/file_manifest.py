"""List the files that a build host needs: exactly those that the images to build read.

No file is sent because it lies in a folder: one that no image reads (``.env``, keys, ``.git``) cannot travel. The
listing comes from the facts of the plan and is compared on the host, so a file that changes after it was hashed is
found like any other fault.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from slipway.core.errors import SyncError, one_line
from slipway.core.image import Image
from slipway.plan.facts import Repository, Survey
from slipway.stack.entries import Encoded, FileEntry, Kind, Trees, decode
from slipway.stack.worktree import beside

_LINK_MODE = "777"
_NONE: Mapping[str, Entry] = MappingProxyType({})


@dataclass(frozen=True)
class Entry:
    """``kind`` as find prints it: f, d or l. ``mode`` in octal. ``content``: a file's sha256, a link's target."""

    kind: str
    mode: str
    content: str = ""


@dataclass(frozen=True)
class FileManifest:
    """``entries``: path below ``root`` → what stands there; the folders above each are among them."""

    root: Path
    entries: Mapping[str, Entry]

    @property
    def files(self) -> int:
        """How many files and links."""
        return sum(entry.kind != "d" for entry in self.entries.values())

    @property
    def weight(self) -> int:
        """Bytes that the files hold, as they are here now."""
        return sum(_lstat(self.root / path).st_size for path, entry in self.entries.items() if entry.kind == "f")

    @property
    def names(self) -> bytes:
        """What rsync is to send, each path ended by NUL, as bytes. It takes ``;`` and ``#`` for a comment."""
        return b"".join(b"./" + os.fsencode(path) + b"\0" for path in self.entries)

    @property
    def listed(self) -> str:
        """sha256 of the outline (kinds, modes, paths, targets), and of the files' digests, as ``listing.sh`` says."""
        return f"{_digest(self.outline())}\n{_digest(self.contents())}"

    def outline(self) -> Iterator[bytes]:
        """``kind mode ./path`` and a link's target, as ``find -printf`` has them, in the order of bytes."""
        lines = {path: f"{entry.kind} {entry.mode} " for path, entry in self.entries.items()}
        targets = {path: entry.content for path, entry in self.entries.items() if entry.kind == "l"}
        yield from sorted(
            b"./" + os.fsencode(path) + b"\t" + lines[path].encode() + os.fsencode(targets.get(path, "")) + b"\0"
            for path in lines
        )

    def contents(self) -> Iterator[bytes]:
        """``<sha256>  ./path`` of every file, as ``sha256sum -z`` has them, in the order of their paths."""
        files = sorted((os.fsencode(path), entry.content) for path, entry in self.entries.items() if entry.kind == "f")
        return (content.encode() + b"  ./" + path + b"\0" for path, content in files)


def files_to_sync(known: Survey, names: Sequence[str], definitions: Mapping[str, Entry] = _NONE) -> FileManifest:
    """What the images ``names`` read of the repository, and their ``definitions``. Raises SyncError for a file that is
    gone by now."""
    repository, entries = known.repository, dict(definitions)
    root = repository.worktree.root
    for name in names:
        image = known.stack[name]
        if not any(_links(root, image.dockerfile)):  # BuildKit reads the definition
            text = repository.texts[image.dockerfile]
            entries[image.dockerfile] = _sent_file(root / image.dockerfile, text.encode())
        for path, entry in known.facts.manifests[name].files.items():
            _add_read(entries, repository, image, path, entry, known.facts.trees)
    return FileManifest(root, _with_folders(entries, root))


def define(known: Survey, names: Sequence[str]) -> dict[str, Entry]:
    """What BuildKit reads as the Dockerfiles of the images ``names``: written here, to be sent."""
    root, found = known.repository.worktree.root, dict[str, Entry]()
    for name in names:
        dockerfile = known.repository.define(known.stack[name])
        for path in (dockerfile, beside(dockerfile)):
            found[path] = _sent_file(root / path, (root / path).read_bytes())
    return found


def context_to_sync(folder: Path, tree: FileEntry, trees: Trees) -> FileManifest:
    """All of a named context: ``tree`` stands for it."""
    entries: dict[str, Entry] = {}
    _add_listing(entries, folder, "", trees[tree.content])
    return FileManifest(folder, _with_folders(entries, folder))


def _add_read(
    entries: dict[str, Entry],
    repository: Repository,
    image: Image,
    path: str,
    read: FileEntry,
    trees: Trees,
) -> None:
    """A path that an image names, the links on the way to it, and all below it."""
    root = repository.worktree.root
    top = "" if image.context == "." else f"{image.context}/"
    real = posixpath.normpath(top + read.via) if read.via else posixpath.normpath(path)
    if read.via:
        for link, target in _links(root, path):
            entries[link] = Entry("l", _LINK_MODE, target)
    if real != ".":
        entries[real] = _entry(read, root / real)
    if read.kind is Kind.TREE:
        _add_listing(entries, root, "" if real == "." else f"{real}/", trees[read.content])


def _add_listing(entries: dict[str, Entry], root: Path, prefix: str, listing: Mapping[str, Encoded]) -> None:
    for inside, text in listing.items():
        entries[f"{prefix}{inside}"] = _entry(decode(text), root / f"{prefix}{inside}")


def _sent_file(file: Path, content: bytes) -> Entry:
    return Entry("f", _mode(None, file), hashlib.sha256(content).hexdigest())


def _entry(read: FileEntry, file: Path) -> Entry:
    """As find prints what the worktree read."""
    if read.kind is Kind.LINK:
        return Entry("l", _LINK_MODE, read.content)
    if read.kind is Kind.FILE:
        return Entry("f", _mode(read.mode, file), read.content)
    return Entry("d", _mode(read.mode, file))


def _mode(mode: int | None, file: Path) -> str:
    """A mode in octal; one that counts for no image is that of ``file`` now."""
    return f"{(_lstat(file).st_mode if mode is None else mode) & 0o7777:o}"


def _links(root: Path, path: str) -> Iterator[tuple[str, str]]:
    """Each link that is met on the way to ``path``, and its target."""
    ahead = posixpath.normpath(path).split("/")
    walked: list[str] = []
    while ahead:
        part = ahead.pop(0)
        if part in ("", "."):
            continue
        if part == "..":
            walked = walked[:-1]
            continue
        here = "/".join((*walked, part))
        if (root / here).is_symlink():
            target = str((root / here).readlink())
            yield here, target
            ahead = [*target.split("/"), *ahead]
        else:
            walked.append(part)


def _with_folders(entries: Mapping[str, Entry], root: Path) -> dict[str, Entry]:
    """With the folders above each entry, as they are here, in the order of paths."""
    folders: dict[str, Entry] = {}
    for path in entries:
        for above in _above(path):
            if above not in entries and above not in folders:
                folders[above] = Entry("d", f"{_lstat(root / above).st_mode & 0o7777:o}")
    return dict(sorted({**entries, **folders}.items()))


def _above(path: str) -> Iterable[str]:
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _lstat(path: Path) -> os.stat_result:
    try:
        return path.lstat()
    except OSError as error:
        raise SyncError(f"{one_line(str(path))}: {error.strerror}", hint="run the same command again") from None


def _digest(lines: Iterable[bytes]) -> str:
    hasher = hashlib.sha256()
    for line in lines:
        hasher.update(line)
    return hasher.hexdigest()
