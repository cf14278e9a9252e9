"""Give a container under test its secrets: read-only files in memory, removed with the test.

A folder that only this user can enter holds the mounted folder, whose files any user of the container may read.
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
    """Create a folder in memory, marked as this process's. Raises SmokeError where there is no such place."""
    try:
        made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=MEMORY))
        (made / "owner").write_text(orphans.owner(), "utf-8")
    except OSError as error:
        raise SmokeError(f"secrets for a container: {MEMORY} cannot be written: {error.strerror}") from error
    return made


def write(folder: Path, secrets: Mapping[str, str]) -> str:
    """Write each secret to a file of its name; return the folder to mount. Raises UsageError for an invalid name."""
    check_names(secrets)
    mounted = folder / "secrets"
    mounted.mkdir()
    mounted.chmod(0o755)
    for name, value in secrets.items():
        (mounted / name).write_text(value, "utf-8")
        (mounted / name).chmod(0o444)
    return str(mounted)


def check_names(names: Iterable[str]) -> None:
    """Raise UsageError for a name that cannot be a file's name."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise UsageError(f"secret {name!r}: not a file's name", hint="letters, digits, dots, '_' and '-'")


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def remove_orphans(dead: Callable[[str], bool] = orphans.is_dead) -> tuple[str, ...]:
    """Remove the files of killed processes. Return the removed folders."""
    removed = []
    for found in MEMORY.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if dead((found / "owner").read_text("utf-8")):
                remove(found)
                removed.append(str(found))
    return tuple(removed)
