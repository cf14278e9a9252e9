"""Write the files of a new version: all of them, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from slipway.core.writing import written
from slipway.release.rewrite import Edit

#: Returns a file's text by its path from the root; None when there is no such file.
ReadText = Callable[[str], str | None]


def reading(root: Path) -> ReadText:
    """Return a reader of the repository's files. Bytes that are not UTF-8, line ends and a BOM survive a rewrite."""

    def read(path: str) -> str | None:
        file = root / path
        return _decoded(file.read_bytes()) if file.is_file() else None

    return read


def write_edits(root: Path, edits: Iterable[Edit]) -> None:
    """Write each file, or none when one of them cannot be written.

    slipway writes into the file itself, so its mode, its owner and a link to it stay. Raises UnwritableError.
    """
    with ExitStack() as undo:
        for edit in edits:
            path = root / edit.path
            there = path.exists()
            with written(path), path.open("r+b" if there else "xb") as file:
                undo.callback(_restore, path, edit.before if there else None)
                file.write(_encoded(edit.after))
                file.truncate()
        undo.pop_all()


def _restore(path: Path, text: str | None) -> None:
    with written(path):
        if text is None:
            path.unlink()
        else:
            path.write_bytes(_encoded(text))


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
