"""Find the repository that slipway works on."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from slipway.core.errors import UsageError


def find_root(*starts: Path | None) -> Path:
    """Return the nearest folder with slipway's table, or with infra/docker or apps beside pyproject.toml or .git.

    The table is slipway.toml, or ``[tool.slipway]`` in pyproject.toml. The function searches each of ``starts`` and the
    folders above it. Raises UsageError when there is no such folder.
    """
    for folder in (above for start in filter(None, starts) for above in (start, *start.parents)):
        with suppress(PermissionError):  # a folder above may be closed to this user
            if _is_root(folder):
                return folder
    raise UsageError(
        f"{starts[-1]}: no slipway repository in this folder or above",
        hint="invoke init shows the images of this folder, and writes the slipway.toml that a repository has",
    )


def _is_root(folder: Path) -> bool:
    parts = (folder / "infra/docker").is_dir() or (folder / "apps").is_dir()
    marked = (folder / "pyproject.toml").is_file() or (folder / ".git").exists()
    return (parts and marked) or (folder / "slipway.toml").is_file() or _has_table(folder / "pyproject.toml")


def _has_table(file: Path) -> bool:
    """Tell whether a pyproject.toml names slipway's table. Only its text counts: the file may have other problems."""
    try:
        return b"[tool.slipway" in file.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
