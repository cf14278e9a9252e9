"""Write files that only their owner can read, and keep the newest entries of a folder."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path


def for_owner(path: str, flags: int) -> int:
    """Open a file that only its owner may read and write: an ``opener`` for ``open``."""
    return os.open(path, flags, 0o600)


def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest ``keep`` entries. Another run may prune the folder at the same time."""
    stamps: dict[Path, float] = {}
    for entry in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            stamps[entry] = entry.stat().st_mtime
    for entry in sorted(stamps, key=stamps.__getitem__, reverse=True)[keep:]:
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
