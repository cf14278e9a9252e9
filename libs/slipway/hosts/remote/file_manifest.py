"""List the files that a build host needs: exactly those that the images to build read.

A folder's other files are never sent, so a file that no image reads (``.env``, keys, ``.git``) stays on this machine.
The listing comes from the facts of the plan, and is compared on the build host. The comparison therefore also finds a
file that changed after it was hashed.
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
from slipway.plan.facts import Snapshot
from slipway.plan.repository import Repository
from slipway.stack.entries import Encoded, FileEntry, Kind, Trees, decode
from slipway.stack.worktree import beside

_LINK_MODE = "777"
_NONE: Mapping[str, SyncEntry] = MappingProxyType({})


@dataclass(frozen=True)
class SyncEntry:
    """Hold the properties of one path: ``kind`` as find prints it (f, d or l), and ``mode`` in octal.

    ``content``: the sha256 of a file, or the target of a link.
    """

    kind: str
    mode: str
    content: str = ""


@dataclass(frozen=True)
class FileManifest:
    """Hold the paths below ``root`` that a host needs, each with its entry.

    They include the folders above each path. ``chmod``: the change of modes on the way, in rsync's notation, that the
    entries already contain; empty to keep the modes.
    """

    root: Path
    entries: Mapping[str, SyncEntry]
    chmod: str = ""

    @property
    def files(self) -> int:
        """Return the number of files and links."""
        return sum(entry.kind != "d" for entry in self.entries.values())

    @property
    def weight(self) -> int:
        """Return the bytes of the files, as they are on this machine now."""
        top = f"{self.root}/"
        return sum(_lstat(top + path).st_size for path, entry in self.entries.items() if entry.kind == "f")

    @property
    def names(self) -> bytes:
        """Return the paths that rsync must send, each ended by NUL.

        Each begins with ``./``, because rsync takes a line that begins with ``;`` or ``#`` for a comment.
        """
        return os.fsencode("".join([f"./{path}\0" for path in self.entries]))

    @property
    def listed(self) -> str:
        """Return the sha256 of the outline and the sha256 of the contents, a line each.

        ``listing.sh`` prints the same on the build host.
        """
        return f"{_digest(self.outline())}\n{_digest(self.contents())}"

    def outline(self) -> Iterator[bytes]:
        """Yield ``./path``, a tab, and ``kind mode target`` for each entry, ended by NUL, sorted by bytes.

        The format is that of ``find -printf`` in ``listing.sh``. The target is empty except for a link.
        """
        lines = {path: f"{entry.kind} {entry.mode} " for path, entry in self.entries.items()}
        targets = {path: entry.content for path, entry in self.entries.items() if entry.kind == "l"}
        yield from sorted(
            b"./" + os.fsencode(path) + b"\t" + lines[path].encode() + os.fsencode(targets.get(path, "")) + b"\0"
            for path in lines
        )

    def contents(self) -> Iterator[bytes]:
        """Yield ``<sha256>  ./path`` for each file, ended by NUL, sorted by the bytes of the path.

        The format is that of ``sha256sum -z``.
        """
        files = sorted((os.fsencode(path), entry.content) for path, entry in self.entries.items() if entry.kind == "f")
        return (content.encode() + b"  ./" + path + b"\0" for path, content in files)


def files_to_sync(
    snapshot: Snapshot, names: Sequence[str], definitions: Mapping[str, SyncEntry] = _NONE
) -> FileManifest:
    """Return the repository's files that the images ``names`` read, together with their ``definitions``.

    Raises SyncError for a file that is missing by now.
    """
    repository, entries = snapshot.repository, dict(definitions)
    root = repository.worktree.root
    for name in names:
        image = snapshot.stack[name]
        if not any(_links(root, image.dockerfile)):  # not needed behind a link: BuildKit reads the definition
            text = repository.texts[image.dockerfile]
            entries[image.dockerfile] = _sent_file(root / image.dockerfile, text.encode())
        for path, entry in snapshot.facts.manifests[name].files.items():
            _add_read(entries, repository, image, path, entry, snapshot.facts.trees)
    return FileManifest(root, _with_folders(entries, root))


def define(snapshot: Snapshot, names: Sequence[str]) -> dict[str, SyncEntry]:
    """Write the Dockerfiles and ignore files that BuildKit reads for the images ``names``.

    Return them as the entries to send.
    """
    root, found = snapshot.repository.worktree.root, dict[str, SyncEntry]()
    for name in names:
        dockerfile = snapshot.repository.define(snapshot.stack[name])
        for path in (dockerfile, beside(dockerfile)):
            found[path] = _sent_file(root / path, (root / path).read_bytes())
    return found


def context_to_sync(folder: Path, tree: FileEntry, trees: Trees) -> FileManifest:
    """Return all files of a named context. ``tree`` is its entry."""
    entries: dict[str, SyncEntry] = {}
    _add_listing(entries, folder, "", trees[tree.content])
    return FileManifest(folder, _with_folders(entries, folder))


def _add_read(
    entries: dict[str, SyncEntry],
    repository: Repository,
    image: Image,
    path: str,
    read: FileEntry,
    trees: Trees,
) -> None:
    """Add a path that an image reads, the links on the way to it, and everything below it."""
    root = repository.worktree.root
    top = "" if image.context == "." else f"{image.context}/"
    real = posixpath.normpath(top + read.via) if read.via else posixpath.normpath(path)
    if read.via:
        for link, target in _links(root, path):
            entries[link] = SyncEntry("l", _LINK_MODE, target)
    if real != ".":
        entries[real] = _entry(read, root / real)
    if read.kind is Kind.TREE:
        _add_listing(entries, root, "" if real == "." else f"{real}/", trees[read.content])


def _add_listing(entries: dict[str, SyncEntry], root: Path, prefix: str, listing: Mapping[str, Encoded]) -> None:
    top = f"{root}/{prefix}"
    for inside, text in listing.items():
        entries[f"{prefix}{inside}"] = _entry(decode(text), f"{top}{inside}")


def _sent_file(file: Path, content: bytes) -> SyncEntry:
    return SyncEntry("f", _mode(None, file), hashlib.sha256(content).hexdigest())


def _entry(read: FileEntry, file: str | Path) -> SyncEntry:
    """Return an entry as find prints it, from the entry that the worktree recorded."""
    if read.kind is Kind.LINK:
        return SyncEntry("l", _LINK_MODE, read.content)
    if read.kind is Kind.FILE:
        return SyncEntry("f", _mode(read.mode, file), read.content)
    return SyncEntry("d", _mode(read.mode, file))


def _mode(mode: int | None, file: str | Path) -> str:
    """Return ``mode`` in octal. If it is None, it enters no image, so return the current mode of ``file``."""
    return f"{(_lstat(file).st_mode if mode is None else mode) & 0o7777:o}"


def _links(root: Path, path: str) -> Iterator[tuple[str, str]]:
    """Yield each link on the way to ``path``, with its target."""
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


def _with_folders(entries: Mapping[str, SyncEntry], root: Path) -> dict[str, SyncEntry]:
    """Return the entries and the folders above them, as they are on this machine, sorted by path."""
    folders: dict[str, SyncEntry] = {}
    for path in entries:
        above = path.rpartition("/")[0]
        while above and above not in entries and above not in folders:
            folders[above] = SyncEntry("d", f"{_lstat(root / above).st_mode & 0o7777:o}")
            above = above.rpartition("/")[0]
    return dict(sorted({**entries, **folders}.items()))


def _lstat(path: str | Path) -> os.stat_result:
    try:
        return os.lstat(path)
    except OSError as error:
        raise SyncError(f"{one_line(str(path))}: {error.strerror}", hint="run the same command again") from None


def _digest(lines: Iterable[bytes]) -> str:
    hasher = hashlib.sha256()
    for line in lines:
        hasher.update(line)
    return hasher.hexdigest()
