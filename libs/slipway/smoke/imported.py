"""Find the modules of the repository that test files import, and the modules that those import. Pure."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

#: Returns a file's text by its path from the repository's root; None when there is no such file.
ReadText = Callable[[str], str | None]
_SLIPWAY = "slipway"


def imported(files: Iterable[str], roots: Sequence[str], read: ReadText) -> frozenset[str]:
    """Return the paths of the modules that ``files`` import, directly or indirectly.

    ``roots``: the folders in which pytest finds modules. A file that is not Python imports nothing, and a module that
    is in none of the folders is not of the repository. slipway's own modules do not count: its version does.
    """
    found: set[str] = set()
    ahead = list(files)
    while ahead:
        path = ahead.pop()
        for wanted in _wanted(path, read(path) or "", roots):
            if wanted not in found and read(wanted) is not None:
                found.add(wanted)
                ahead.append(wanted)
    return frozenset(found)


def _wanted(path: str, text: str, roots: Sequence[str]) -> Iterator[str]:
    """Yield the paths at which the modules may be that ``path`` imports."""
    try:
        tree = ast.parse(text) if path.endswith(".py") else ast.Module([], [])
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _places(alias.name.split("."), roots)
        elif isinstance(node, ast.ImportFrom):
            above = PurePosixPath(path).parents
            own = [str(folder) for folder in above[node.level - 1 : node.level]] if node.level else roots
            module = node.module.split(".") if node.module else []
            for alias in node.names:
                yield from _places([*module, alias.name], own)


def _places(module: Sequence[str], roots: Sequence[str]) -> Iterator[str]:
    """Yield the files that an import of a module may load: its own, and those of the packages around it."""
    for root in roots if module[0] != _SLIPWAY else ():
        place = PurePosixPath(root)
        for name in module:
            yield str(place / f"{name}.py")
            place /= name
            yield str(place / "__init__.py")
