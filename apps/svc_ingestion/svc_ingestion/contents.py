"""Keep the bytes of documents under their hash: in a folder, or (``minio_contents``) in a bucket."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

PIECE = 1 << 18


class Contents(Protocol):
    """Keep the bytes of documents.

    Every method raises OSError when the store cannot be used: a full disk, or a server that does not answer.
    """

    def check(self) -> None:
        """Raise OSError when the store cannot be used. Writes nothing."""

    def put(self, id: str, content: BinaryIO, size: int) -> None:
        """Store ``content`` under ``id``, completely or not at all.

        ``content`` has ``size`` bytes and is at position 0.
        """

    def read(self, id: str) -> Iterator[bytes]:
        """Return the bytes in pieces. Raises KeyError immediately when there are none under ``id``."""
        ...


class FolderContents:
    """Keep ``Contents`` in ``folder``, in one file per document.

    The files are in up to 256 folders, named by the first two characters of the document's id.
    """

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
    """Return the SHA-256 (hex) and the size in bytes. The position is 0 afterwards."""
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
    """Flush a folder to the disk, because only then a renamed file in it survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
