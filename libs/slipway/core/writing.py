"""Replace files whole, and report why a file or folder cannot be written."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipway.core.errors import UnwritableError, one_line
from slipway.core.problems import Known, Table

_READ_ONLY = "plan, images, config, doctor and --dry-run need not write; else: a checkout that is not read-only"

#: The patterns match the operating system's names of errors.
UNWRITABLE = Table(
    "this machine's file system",
    (
        Known("file-system-read-only", "^EROFS$", hint=_READ_ONLY),
        Known("disk-full", "^ENOSPC$", hint="make room there: df -h, docker system df"),
        Known("disk-full", "^EDQUOT$", hint="make room there: quota"),
        Known("folder-blocked", "^EEXIST$", hint="a file or a dead link stands where a folder is to be: remove it"),
        Known("folder-blocked", "^ENOTDIR$", hint="a file stands where a folder is to be: remove it"),
    ),
    Known("unwritable", hint="ls -ld {place}: it is to belong to this user"),
)


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give the path of a new file, which replaces ``path`` when the body ends.

    No process reads half a file. When the body raises, also for a signal, the new file is removed. Its name ends with
    the thread's id, so threads and processes may replace the same file together.
    """
    scratch = path.with_name(f"{path.name}.{threading.get_native_id()}")
    try:
        yield scratch
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Raise UnwritableError, with the path and the cause, when the body fails to write ``path``."""
    try:
        yield
    except OSError as error:
        refused = Path(os.fsdecode(error.filename or path))
        there = next((place for place in (refused, *refused.parents) if os.path.lexists(place)), refused)
        row = UNWRITABLE.find(errno.errorcode.get(error.errno or 0, ""))
        cause = f"cannot be written: {error.strerror or error}"
        raise UnwritableError.of([row.problem(one_line(str(refused)), cause, place=one_line(str(there)))]) from error
