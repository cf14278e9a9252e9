"""Cache the hashes of files by size, mtime, ctime and inode.

ctime reveals changes that a comparison of size and mtime misses.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import stat
import sys
import time
from pathlib import Path

from slipway.core.writing import replaced

#: Extended attributes that describe the machine, not the file.
_MACHINE = re.compile(r"security\.|system\.|com\.apple\.")
#: A file that changed within this time before slipway hashed it may change again in the same tick of the clock.
_RACY_NS = 50_000_000
#: The number of former contents to remember. With one more, slipway sends BuildKit every context again.
_FORMER_KEPT = 20_000
#: The number of attempts to hash a file, which may change during the first.
_READINGS = 2

#: A hashed file: ``size mtime ctime inode digest``. ctime and inode are 0 when slipway hashed the file too soon after a
#: change to trust them. One text takes a third of the memory and of the time to load that a list of five values takes.
_Entry = str


class StatCache:
    """Map a path to its sha256 while size, mtime, ctime and inode stay the same.

    A lost or broken cache only costs time. While ``salt`` stays the same, no file had two contents with the same size
    and mtime.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Load the hashes from the file ``path``. With None, the cache is never saved."""
        self._path = path
        self.salt = secrets.token_hex(4)
        self._known: dict[str, _Entry] = {}
        self._former: dict[str, str] = {}
        self._dirty = False
        if path is None:
            return
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            kept = json.loads(path.read_text("utf-8", "surrogateescape"))
            self.salt, self._known, self._former = str(kept["salt"]), dict(kept["known"]), dict(kept["former"])

    def sha256(self, path: str, status: os.stat_result) -> str:
        """Return the sha256 of the plain file ``path``, then a blank and that of its extended attributes if any.

        ``path`` must not be a link. Raises OSError, also for a file that changes while slipway reads it.
        """
        known = self._known.get(path)
        stamp = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino} "
        if isinstance(known, str) and known.startswith(stamp):
            return known[len(stamp) :]
        hashed_at = time.time_ns()
        status, digest = _hashed(path)
        digest = f"{digest} {attributes(path)}".rstrip()
        settled = max(status.st_ctime_ns, status.st_mtime_ns) < hashed_at - _RACY_NS
        stamp = _stamp(status) if settled else f"{status.st_size} {status.st_mtime_ns} 0 0 "
        self._remember(path, f"{stamp}{digest}")
        return digest

    def _remember(self, path: str, entry: _Entry) -> None:
        known = self._known.get(path)
        if isinstance(known, str):
            before, former = _parts(known)
            self._former[f"{before} {path}"] = former
        changed, digest = _parts(entry)
        seen = self._former.pop(f"{changed} {path}", digest)
        if seen != digest or len(self._former) > _FORMER_KEPT:
            self.salt = secrets.token_hex(4)
            self._former.clear()
        self._known[path] = entry
        self._dirty = True

    def save(self) -> None:
        """Save the hashes for later runs, if the file can be written. Nothing depends on it."""
        if self._path is None or not self._dirty:
            return
        content = {"salt": self.salt, "known": self._known, "former": self._former}
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with replaced(self._path) as scratch:
                scratch.write_text(json.dumps(content, separators=(",", ":")), "utf-8", "surrogateescape")
        self._dirty = False


def attributes(path: str) -> str:
    """Return the sha256 of the extended attributes that layers keep; empty when there are none.

    The selection is BuildKit's. The result is also empty on systems other than Linux, and for unreadable attributes.
    """
    if sys.platform != "linux":
        return ""
    with contextlib.suppress(OSError):
        names = os.listxattr(path, follow_symlinks=False)
        kept = sorted(name for name in names if name == "security.capability" or not _MACHINE.match(name))
        if kept:
            values = [(name, os.getxattr(path, name, follow_symlinks=False)) for name in kept]
            return hashlib.sha256(repr(values).encode()).hexdigest()
    return ""


def _parts(entry: _Entry) -> tuple[str, str]:
    """Return ``size mtime`` and the digest of an entry; texts that equal no others when the entry is broken."""
    size, mtime, _, _, digest = [*entry.split(" ", 4), "", "", "", ""][:5]
    return f"{size} {mtime}", digest


def _stamp(status: os.stat_result) -> str:
    """Return the beginning of an entry, up to the digest."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino} "


def _hashed(path: str) -> tuple[os.stat_result, str]:
    """Return the status and sha256 of a file that did not change while slipway read it.

    The file may have become a link or a FIFO after slipway listed it. The function does not follow a link and does not
    wait for a FIFO. Raises OSError.
    """
    for _ in range(_READINGS):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file any more", path)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if _stamp(os.fstat(descriptor)) == _stamp(before):
                return before, digest
    raise OSError(errno.EBUSY, "it changes while it is read", path)
