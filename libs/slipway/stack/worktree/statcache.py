"""File hashes kept by size, mtime, ctime and inode: ctime tells what a comparison of size and mtime misses."""

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
from typing import TypeGuard

#: Extended attributes that tell of the machine, not of the file.
_MACHINE = re.compile(r"security\.|system\.|com\.apple\.")
#: A file changed this shortly before it was hashed may change again within one tick of the clock.
_RACY_NS = 50_000_000
#: Former contents of files that are remembered; one more, and BuildKit is sent all anew.
_FORMER_KEPT = 20_000
#: A file that changed while it was hashed is read once more.
_READINGS = 2

#: A file as it was when hashed: size, mtime, ctime, inode, digest. ctime and inode are 0 when that was too soon after a
#: change to be believed. A list, as JSON has it: a hundred thousand are read at once.
_Entry = list[int | str]


class StatCache:
    """path → sha256 while size, mtime, ctime and inode stay. A lost or broken cache only costs time.

    While ``salt`` stays, no file had two contents under one size and mtime.
    """

    def __init__(self, path: Path | None = None) -> None:
        """``path``: the file that keeps the hashes; None keeps nothing."""
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
        """Of the bytes of the plain file ``path`` (no link); followed by a blank and that of its
        extended attributes if it has any.

        Raises OSError, also for a file that does not keep still while it is read.
        """
        known = self._known.get(path)
        if _is_entry(known) and known[:4] == _stamp(status):
            return str(known[4])
        hashed_at = time.time_ns()
        status, digest = _hashed(path)
        digest = f"{digest} {attributes(path)}".rstrip()
        settled = max(status.st_ctime_ns, status.st_mtime_ns) < hashed_at - _RACY_NS
        stamp = _stamp(status) if settled else [*_stamp(status)[:2], 0, 0]
        self._remember(path, [*stamp, digest])
        return digest

    def _remember(self, path: str, entry: _Entry) -> None:
        known = self._known.get(path)
        if _is_entry(known):
            self._former[f"{known[0]} {known[1]} {path}"] = str(known[4])
        digest = str(entry[4])
        seen = self._former.pop(f"{entry[0]} {entry[1]} {path}", digest)
        if seen != digest or len(self._former) > _FORMER_KEPT:
            self.salt = secrets.token_hex(4)
            self._former.clear()
        self._known[path] = entry
        self._dirty = True

    def save(self) -> None:
        """Keep the hashes for later runs, where that is possible: nothing depends on it."""
        if self._path is None or not self._dirty:
            return
        scratch = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        content = {"salt": self.salt, "known": self._known, "former": self._former}
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                scratch.write_text(json.dumps(content, separators=(",", ":")), "utf-8", "surrogateescape")
                scratch.replace(self._path)
            finally:
                scratch.unlink(missing_ok=True)
        self._dirty = False


def attributes(path: str) -> str:
    """The sha256 of the extended attributes that layers keep, as BuildKit chooses them; empty when there are none."""
    if sys.platform != "linux":
        return ""
    with contextlib.suppress(OSError):
        names = os.listxattr(path, follow_symlinks=False)
        kept = sorted(name for name in names if name == "security.capability" or not _MACHINE.match(name))
        if kept:
            values = [(name, os.getxattr(path, name, follow_symlinks=False)) for name in kept]
            return hashlib.sha256(repr(values).encode()).hexdigest()
    return ""


def _is_entry(known: object) -> TypeGuard[_Entry]:
    return isinstance(known, list) and len(known) == 5


def _stamp(status: os.stat_result) -> _Entry:
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _hashed(path: str) -> tuple[os.stat_result, str]:
    """The status and sha256 of a file that stayed the same from the first byte to the last.

    It may have become a link or a FIFO since it was listed: neither is followed or waited for. Raises OSError.
    """
    for _ in range(_READINGS):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise OSError(errno.EINVAL, "it is no plain file any more", path)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if _stamp(os.fstat(descriptor)) == _stamp(before):
                return before, digest
    raise OSError(errno.EBUSY, "it changes while it is read", path)
