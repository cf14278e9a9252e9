"""Find the compose files of a repository. Each one is a system; nothing else declares it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.compose import variables
from slipway.core.errors import Problem, UsageError

#: The folder whose files are systems by their own names.
FOLDER = "infra/compose"
#: The names that compose looks for, in its order, and the files that it adds to them.
_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
#: Compose files may be this many folders below the repository's root.
_DEPTH = 2
_SKIPPED = {"node_modules", "venv", "site-packages", "__pycache__"}


@dataclass(frozen=True)
class ComposeFile:
    """Hold a system's name and its files, as posix paths from the repository's root.

    A later file overrides an earlier one. ``folder``: the folder that relative paths in the files refer to.
    """

    system: str
    files: tuple[str, ...]

    @property
    def folder(self) -> str:
        return self.files[0].rpartition("/")[0] or "."


def find_systems(root: Path) -> Mapping[str, ComposeFile]:
    """Return the systems of the repository at ``root``, by name.

    ``infra/compose/cat-dog.yaml`` is the system ``cat-dog``. A file with one of compose's own names is a system with
    the name of its folder. Raises UsageError when two files have one name.
    """
    found: dict[str, ComposeFile] = {}
    problems = []
    for one in (*_named(root), *_in_folders(root, "", _DEPTH)):
        if earlier := found.get(one.system):
            what = f"is the system {one.system}, and so is {earlier.files[0]}"
            problems.append(Problem(one.files[0], what, "rename one of the files or its folder"))
        found.setdefault(one.system, one)
    if problems:
        raise UsageError.of(problems)
    return found


def _named(root: Path) -> Iterator[ComposeFile]:
    for path in sorted((root / FOLDER).glob("*")):
        if path.suffix in (".yaml", ".yml") and path.name not in (*_NAMES, *_OVERRIDES):
            yield ComposeFile(path.stem, (f"{FOLDER}/{path.name}",))


def _in_folders(root: Path, folder: str, depth: int) -> Iterator[ComposeFile]:
    """Yield the system of ``folder`` and those below it, down to ``depth`` folders."""
    try:
        entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
    except OSError:
        return
    names = {entry.name for entry in entries}
    if first := next((name for name in _NAMES if name in names), ""):
        overrides = [name for name in _OVERRIDES if name in names][:1]
        prefix = f"{folder}/" if folder else ""
        called = Path(folder).name or root.resolve().name
        yield ComposeFile(slug(called), tuple(f"{prefix}{name}" for name in (first, *overrides)))
    for entry in entries if depth else ():
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".") and entry.name not in _SKIPPED:
            yield from _in_folders(root, f"{folder}/{entry.name}".lstrip("/"), depth - 1)


def slug(text: str) -> str:
    """Return ``text`` as a name that compose accepts: lower-case letters, digits, ``-`` and ``_``."""
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "-" for char in text.lower())
    return kept.strip("-_") or "system"


def used_variables(root: Path) -> Collection[str]:
    """Return the names that any compose file of the repository may use."""
    texts = (root / name for file in find_systems(root).values() for name in file.files)
    return frozenset().union(*(variables.named_by(path.read_text("utf-8", "replace")) for path in texts))
