"""Read the files that a system's containers mount from this machine, as copies for a build host.

The user of a container has another number than the user of the build host. So the copy of a secret or config has the
mode that compose documents for them, 0444: each user of the container may read it, and no user may write it. On the
build host the folder around it protects it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slipway.core.errors import Problem, UsageError, one_line
from slipway.hosts.host import MountKind, MountSource
from slipway.hosts.remote.file_manifest import FileManifest, SyncEntry
from slipway.stack.worktree import StatCache

#: In rsync's notation: any user may read the files, and no user may write them.
_READABLE = "Fa+r,Fa-w,Da+rx"
#: slipway's own folder. No container gets it.
_OWN = ".slipway"


@dataclass(frozen=True)
class MountCopy:
    """Hold the files of one source, and the name of their folder on the build host."""

    manifest: FileManifest
    name: str

    @classmethod
    def of(cls, source: MountSource) -> MountCopy:
        """Read a file, or a folder with everything in it except ``.slipway``, sockets, pipes and devices.

        Raises UsageError for a file that is missing or cannot be read.
        """
        top = Path(os.path.realpath(source.path))
        readable = source.kind is not MountKind.BIND
        try:
            entries = dict(_entries(top, top.name, readable=readable))
        except OSError as error:
            path = one_line(os.fsdecode(error.filename or top))
            what = f"{path}: {error.strerror}"
            raise UsageError.of([Problem("", what, f"ls -l {path}", "file-unreadable")]) from None
        if not entries:
            raise UsageError(f"{one_line(source.path)}: is neither a file nor a folder", code="file-unreadable")
        manifest = FileManifest(top.parent, dict(sorted(entries.items())), _READABLE if readable else "")
        return cls(manifest, _name(manifest, secret=source.kind is MountKind.SECRET))

    @property
    def path(self) -> str:
        """Return the path of the copy in the system's folder."""
        return f"{self.name}/{next(iter(self.manifest.entries))}"


def _entries(file: Path, path: str, *, readable: bool) -> Iterator[tuple[str, SyncEntry]]:
    """Yield ``path`` with its entry, and everything below it."""
    status = file.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISDIR(status.st_mode):
        yield path, SyncEntry("d", f"{mode | 0o555 if readable else mode:o}")
        for below in file.iterdir():
            if below.name != _OWN:
                yield from _entries(below, f"{path}/{below.name}", readable=readable)
    elif stat.S_ISLNK(status.st_mode):
        yield path, SyncEntry("l", "777", str(file.readlink()))
    elif stat.S_ISREG(status.st_mode):
        content, _, _ = StatCache().sha256(str(file), status).partition(" ")
        yield path, SyncEntry("f", f"{(mode | 0o444) & ~0o222 if readable else mode:o}", content)


def _name(manifest: FileManifest, *, secret: bool) -> str:
    """Return a name that changes with the files.

    A hash of its content would reveal a short secret. A secret's name comes from its size, times and inode instead.
    """
    hasher = hashlib.sha256(f"{manifest.root}\0".encode("utf-8", "surrogateescape"))
    for line in (*manifest.outline(), *(_stamps(manifest) if secret else manifest.contents())):
        hasher.update(line)
    return hasher.hexdigest()[:16]


def _stamps(manifest: FileManifest) -> Iterator[bytes]:
    for path in manifest.entries:
        status = (manifest.root / path).lstat()
        yield f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}\0".encode()
