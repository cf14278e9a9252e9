"""Join pip's find-links folders into the one folder that builds mount as their wheelhouse.

Packages on the same device are hard links, others are copies. Of equal names the first folder's file wins.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from slipway.core.errors import UsageError
from slipway.core.writing import written

_NAME = "wheelhouse"
_PACKAGES = (".whl", ".tar.gz", ".zip")


def join(folders: Sequence[Path], into: Path) -> Path:
    """Join the packages of ``folders`` in ``into``, which is created, and return it. Raises UnwritableError."""
    with written(into):
        into.mkdir(parents=True)
        for name, package in _packages(folders).items():
            _link(package, into / name)
    return into


def keep(folders: Sequence[Path], home: Path) -> Path:
    """Return a folder below ``home`` with the packages of ``folders``. Raises UnwritableError.

    The same packages lie in the same folder as the last time, so slipway need not hash them again. A folder never
    changes, because another task may use it.
    """
    found = home / _state(_packages(folders))
    if not found.is_dir():
        found = _made(folders, home)
    with written(found):
        os.utime(found)  # the newest folders stay when the cache is pruned
    return found / _NAME


def _made(folders: Sequence[Path], home: Path) -> Path:
    """Join the packages in a new folder, named by their state after the links were made, which change ctime."""
    with written(home):
        scratch = Path(tempfile.mkdtemp(prefix="new-", dir=home))
        join(folders, scratch / _NAME)
        found = home / _state(_packages(folders))
        if found.is_dir():  # another task was faster
            shutil.rmtree(scratch)
        else:
            scratch.rename(found)
    return found


def _state(packages: Mapping[str, Path]) -> str:
    """Return a digest of the names, sizes, times and inodes of ``packages``; it changes when one of them does."""
    hasher = hashlib.sha256()
    for name, package in sorted(packages.items()):
        status = package.stat()
        stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev, status.st_mode)
        hasher.update(repr((os.fsencode(name), *stamp)).encode())
    return hasher.hexdigest()[:16]


def _packages(folders: Sequence[Path]) -> Mapping[str, Path]:
    """Return the package files in ``folders``, by name. Raises UsageError for a folder that cannot be read."""
    found: dict[str, Path] = {}
    for folder in reversed(folders):
        try:
            inside = list(folder.iterdir())
        except OSError as error:
            raise UsageError(
                f"find-links {folder}: cannot be read: {error.strerror}", hint=f"ls -ld {folder}"
            ) from None
        found |= {path.name: path for path in inside if path.name.endswith(_PACKAGES) and path.is_file()}
    return found


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copy2(source, target)
