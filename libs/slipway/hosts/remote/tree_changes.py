"""Send a small change of the tree together with the job that needs it.

rsync needs six round trips to find out which files of an earlier tree are still equal. This machine knows it: it keeps
the manifest of the tree that it sent last. ``patch.sh`` makes the new tree on the build host, and the job starts only
after that tree was compared with the manifest. If it differs, slipway sends it by rsync.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from slipway.core.writing import replaced
from slipway.hosts.remote.file_manifest import FileManifest

#: Above this number of bytes, rsync is faster: it compresses, and sends only the changed parts of a file.
_LIMIT = 128 * 1024
#: The manifest of a larger tree is not kept: reading it would take longer than rsync's round trips.
_MOST_ENTRIES = 50_000


@dataclass(frozen=True)
class TreeChanges:
    """Hold the changes from the tree of the run ``since`` to the tree of a manifest.

    ``removed``: the paths that go, or get another kind or content, each ended by NUL. ``archive``: the new and changed
    entries as a compressed tar archive.
    """

    since: str
    removed: bytes
    archive: bytes

    @property
    def weight(self) -> int:
        """Return the number of bytes to send."""
        return len(self.removed) + len(self.archive)


@dataclass(frozen=True)
class SentTree:
    """Hold the place where this machine keeps the manifest of the tree that it sent last to a build host."""

    file: Path

    @classmethod
    def of(cls, root: Path, host: str, project: str) -> SentTree:
        """Return the place for the repository at ``root`` and its folder ``project`` on ``host``."""
        name = hashlib.sha256(f"{host}\0{project}".encode()).hexdigest()[:16]
        return cls(root / ".slipway" / "sent" / name)

    def keep(self, run: str, manifest: FileManifest) -> None:
        """Keep the manifest of the tree of ``run``. Where this file system cannot be written, that costs only time."""
        if len(manifest.entries) > _MOST_ENTRIES:
            return
        with suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with replaced(self.file) as new:
                new.write_bytes(b"\0".join((run.encode(), *chain.from_iterable(_described(manifest).items()))))

    def changes(self, manifest: FileManifest) -> TreeChanges | None:
        """Return the changes since the tree that was sent last. Return None when it is unknown, or they are large."""
        try:
            run, *words = self.file.read_bytes().split(b"\0")
            before = dict(zip(words[::2], words[1::2], strict=True))
            now = _described(manifest)
            changed = sorted(path for path, said in now.items() if before.get(path) != said)
            gone = sorted(path for path, said in before.items() if _must_go(said, now.get(path, b"")))
            return TreeChanges(run.decode(), b"".join(path + b"\0" for path in gone), _archive(manifest, changed))
        except (OSError, ValueError, _LargeError):
            return None


class _LargeError(Exception):
    """Report changes of too many bytes."""


def _described(manifest: FileManifest) -> dict[bytes, bytes]:
    """Return ``./path`` → ``kind mode content``."""
    return {
        b"./" + os.fsencode(path): f"{entry.kind} {entry.mode} ".encode() + os.fsencode(entry.content)
        for path, entry in manifest.entries.items()
    }


def _must_go(before: bytes, now: bytes) -> bool:
    """Tell whether a path goes before the new one comes. A folder that stays keeps its files."""
    return before != now and not (before.startswith(b"d ") and now.startswith(b"d "))


def _archive(manifest: FileManifest, paths: Sequence[bytes]) -> bytes:
    """Return a compressed tar archive of entries, with the contents that their files have now.

    Raises OSError, _LargeError.
    """
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in map(os.fsdecode, paths):
            entry, place = manifest.entries[path.removeprefix("./")], manifest.root / path
            found = tarfile.TarInfo(path)
            found.mode = int(entry.mode, 8)
            # To BuildKit, a file of equal size and time is the same file, so the time must be exact.
            seconds, nanoseconds = divmod(place.lstat().st_mtime_ns, 10**9)
            found.pax_headers = {"mtime": f"{seconds}.{nanoseconds:09}"}
            content = b""
            if entry.kind == "f":
                content = _read(place, _LIMIT - stream.tell())
                found.size = len(content)
            elif entry.kind == "l":
                found.type, found.linkname = tarfile.SYMTYPE, entry.content
            else:
                found.type = tarfile.DIRTYPE
            archive.addfile(found, io.BytesIO(content))
    return gzip.compress(stream.getvalue())


def _read(file: Path, most: int) -> bytes:
    if file.lstat().st_size > most:
        raise _LargeError
    return file.read_bytes()
