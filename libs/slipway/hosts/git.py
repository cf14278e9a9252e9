"""Ask git which files of the repository it tracks."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path, PurePosixPath

from slipway.core.command import Command
from slipway.hosts.host import Say
from slipway.hosts.runner import RunCommand

#: The paths of one command, far below the system's limit for arguments.
_AT_ONCE = 200
_SECONDS = 60.0
#: git takes a path as it is, not as a pattern, and runs no program of the repository's configuration.
_GIT = ("git", "--literal-pathspecs", "-c", "core.fsmonitor=false", "ls-files", "-z", "--")


def tracked_files(run: RunCommand, root: Path, say: Say, paths: Collection[str]) -> frozenset[str]:
    """Return those of ``paths`` that git tracks; none outside a git repository, or where git fails.

    ``paths``: from ``root``, with links resolved. A path outside ``root`` is not tracked. ``say`` gets the reason when
    git fails.
    """
    top = root.resolve()
    asked = sorted(path for path in paths if ".." not in PurePosixPath(path).parts)
    if not asked or not any(map(_is_repository, (top, *top.parents))):
        return frozenset()
    found: set[str] = set()
    for start in range(0, len(asked), _AT_ONCE):
        listed = run(Command((*_GIT, *asked[start : start + _AT_ONCE]), cwd=str(top)), timeout=_SECONDS)
        if not listed.ok:
            why = next(iter(listed.stderr.splitlines()), f"exit code {listed.exit_code}")
            say(f"git does not tell which files it tracks: {why}")
            return frozenset()
        found.update(listed.stdout.split("\0"))
    return frozenset(asked) & found


def _is_repository(folder: Path) -> bool:
    with suppress(PermissionError):  # a folder above may be closed to this user
        return (folder / ".git").exists()
    return False
