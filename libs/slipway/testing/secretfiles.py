"""Secrets for a container under test: files in memory that it sees read-only, gone with the test.

A folder of our own alone holds the one that is mounted, whose files any user of the container may read.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from slipway.core.errors import SmokeError, UsageError
from slipway.smoke import orphans

MEMORY = Path("/dev/shm")
_PREFIX = "slipway-"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def folder() -> Path:
    """A new folder in memory, marked as this process's. Raises SmokeError where files cannot be kept in memory."""
    try:
        made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=MEMORY))
        (made / "owner").write_text(orphans.owner(), "utf-8")
    except OSError as error:
        raise SmokeError(f"secrets for a container: {MEMORY} cannot be written: {error.strerror}") from error
    return made


def write(folder: Path, secrets: Mapping[str, str]) -> str:
    """Write each secret to a file of its name; the folder to mount. Raises UsageError for a name that is none."""
    check_names(secrets)
    mounted = folder / "secrets"
    mounted.mkdir()
    mounted.chmod(0o755)
    for name, value in secrets.items():
        (mounted / name).write_text(value, "utf-8")
        (mounted / name).chmod(0o444)
    return str(mounted)


def check_names(names: Iterable[str]) -> None:
    """Raises UsageError for one that is no file's name."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise UsageError(f"secret {name!r}: not a file's name", hint="letters, digits, dots, '_' and '-'")


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def sweep(dead: Callable[[str], bool] = orphans.is_dead) -> tuple[str, ...]:
    """Remove what killed processes left; returns the folders removed."""
    swept = []
    for found in MEMORY.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if dead((found / "owner").read_text("utf-8")):
                remove(found)
                swept.append(str(found))
    return tuple(swept)
