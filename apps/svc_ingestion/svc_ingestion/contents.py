"""The bytes of documents, under their hash: a folder, or (``minio_contents``) a bucket."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

PIECE = 1 << 18


class Contents(Protocol):
    """Every method raises OSError when the store cannot be used: a full disk, a server out of reach."""

    def check(self) -> None:
        """Raise OSError when nothing can be stored. Writes nothing."""

    def put(self, id: str, content: BinaryIO, size: int) -> None:
        """Store all of ``content`` (``size`` bytes, position 0) under ``id``: wholly, or not at all."""

    def read(self, id: str) -> Iterator[bytes]:
        """The bytes in pieces. Raises KeyError at once when there are none under ``id``."""
        ...


class FolderContents:
    """``Contents`` in ``folder``: a file per document, in 256 folders by the first two letters of its id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def check(self) -> None:
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise PermissionError(f"{self._folder} cannot be written")

    def put(self, id: str, content: BinaryIO, size: int) -> None:
        path = self._path(id)
        path.parent.mkdir(exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".incoming-", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                while piece := content.read(PIECE):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def read(self, id: str) -> Iterator[bytes]:
        try:
            file = self._path(id).open("rb")
        except FileNotFoundError:
            raise KeyError(id) from None
        return _pieces(file)

    def _path(self, id: str) -> Path:
        return self._folder / id[:2] / id


def hash_of(content: BinaryIO) -> tuple[str, int]:
    """SHA-256 (hex) and size in bytes; the position is 0 afterwards."""
    digest, size = hashlib.sha256(), 0
    content.seek(0)
    while piece := content.read(PIECE):
        digest.update(piece)
        size += len(piece)
    content.seek(0)
    return digest.hexdigest(), size


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece


def _sync_folder(folder: Path) -> None:
    """A renamed file survives a power cut only once its folder is on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
