"""Read ``declarations``: the compose files and bake files that define images of the repository.

declarations = [
    "compose.yaml",
    "{name}/compose.yaml",
    { files = ["compose.yaml", "compose.prod.yaml"] },
    { files = ["docker-bake.hcl", "overrides.hcl"], targets = ["release"] },
]

Paths count from the root; ``{name}`` stands for one part of a path. A later file of ``files`` overrides an earlier one,
as with ``docker compose -f`` and ``docker buildx bake -f``. So do ``compose.override.yaml`` and
``docker-bake.override.hcl`` after another file of their folder.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from slipway.config.images import pattern_faults
from slipway.core.errors import suggestion

_COMPOSE, _BAKE = (".yaml", ".yml"), (".hcl", ".json")
_KEYS = ("files", "targets")
_OVERRIDE = re.compile(r"(?:docker-)?compose\.override\.ya?ml|docker-bake\.override\.(?:hcl|json)")
_FORM = 'declarations = ["compose.yaml", { files = ["docker-bake.hcl"], targets = ["release"] }]'


@dataclass(frozen=True)
class Declaration:
    """Hold one entry: its files, of which a later one overrides an earlier one, and the targets of bake.

    Without ``targets`` they are those that bake builds by default.
    """

    files: tuple[str, ...]
    targets: tuple[str, ...] = ()

    @property
    def is_bake(self) -> bool:
        return any(file.endswith(_BAKE) for file in self.files)

    def __str__(self) -> str:
        return " + ".join(self.files) + (f" ({', '.join(self.targets)})" if self.targets else "")


def declarations_of(listed: Sequence[object]) -> tuple[Declaration, ...]:
    """Return the entries of a list without faults."""
    found: list[Declaration] = []
    for entry in listed:
        if isinstance(entry, dict):
            found.append(Declaration(tuple(entry["files"]), tuple(entry.get("targets", ()))))
        elif found and _overrides(str(entry), found[-1]):
            found[-1] = replace(found[-1], files=(*found[-1].files, str(entry)))
        else:
            found.append(Declaration((str(entry),)))
    return tuple(found)


def _overrides(file: str, earlier: Declaration) -> bool:
    folder, name = posixpath.split(file)
    is_beside = folder == posixpath.dirname(earlier.files[0]) and Declaration((file,)).is_bake == earlier.is_bake
    return is_beside and bool(_OVERRIDE.fullmatch(name))


def declaration_faults(listed: object) -> Iterator[tuple[str, str, str]]:
    """Yield each fault of ``declarations``: the key, the fault, and the fix."""
    if not isinstance(listed, list):
        yield "declarations", "declarations is a list of compose files and bake files", _FORM
        return
    for entry in listed:
        table = {"files": [entry]} if isinstance(entry, str) else entry
        for fault, fix in _entry_faults(table):
            yield "declarations", f"declarations: {fault}", fix


def _entry_faults(table: object) -> Iterator[tuple[str, str]]:
    if not isinstance(table, dict):
        yield f"{table!r} is neither a file nor a table", _FORM
        return
    yield from ((f"unknown key {key!r}", suggestion(key, _KEYS, _FORM)) for key in table if key not in _KEYS)
    files, targets = table.get("files"), table.get("targets", [])
    if not (_are_texts(files) and files):
        yield "files is a list of files", _FORM
        return
    for file in files:
        yield from _file_faults(file)
    if not _are_texts(targets):
        yield "targets is a list of targets", _FORM
    elif targets and not any(file.endswith(_BAKE) for file in files):
        yield f"targets are those of a bake file, and {files[0]} is a compose file", "remove targets"


def _file_faults(file: str) -> Iterator[tuple[str, str]]:
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or str(path) != file:
        yield f"{file!r} is not a path from the repository's root", _FORM
    yield from ((f"{file}: {fault}", fix) for fault, fix in pattern_faults(file))
    if not file.endswith((*_COMPOSE, *_BAKE)):
        yield f"{file} is neither a compose file nor a bake file", f"the names end in {', '.join((*_COMPOSE, *_BAKE))}"


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
