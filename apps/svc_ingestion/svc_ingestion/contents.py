"""Keep the bytes of documents under their hash: in a folder, or (``minio_contents``) in a bucket."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from servicekit.checks import check_room

PIECE = 1 << 18
_INCOMING = ".incoming"


class Contents(Protocol):
    """Keep the bytes of documents.

    Every method raises OSError when the store cannot be used: a full disk, or a server that does not answer.
    """

    def prepare(self) -> None:
        """Make the bucket of the contents when it is missing. The service calls it at its start, until it succeeds."""

    def check(self) -> None:
        """Raise OSError when the store cannot be used, or cannot take a write. Writes nothing."""

    def put(self, id: str, content: BinaryIO, size: int) -> None:
        """Store ``content`` under ``id``, completely or not at all, in place of a damaged one.

        ``content`` has ``size`` bytes and is at position 0.
        """

    def holds(self, id: str, size: int) -> bool:
        """Tell whether all ``size`` bytes are there, undamaged."""
        ...

    def read(self, id: str, size: int) -> Iterator[bytes]:
        """Return the bytes in pieces. Raises KeyError immediately when they are missing or damaged."""
        ...


class FolderContents:
    """Keep ``Contents`` in ``folder``, in one file per document. The folder belongs to this object alone.

    The files are in up to 256 folders, named by the first two characters of the document's id. A file is written in the
    folder ``.incoming``; the files that a killed service left in this folder are removed. An earlier version had no
    such folder, and left ``.incoming-*`` beside the documents.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._incoming = folder, folder / _INCOMING
        if not self._incoming.exists():
            for left in folder.glob(f"??/{_INCOMING}-*"):
                left.unlink()
        self._incoming.mkdir(parents=True, exist_ok=True)
        for left in self._incoming.iterdir():
            left.unlink()

    def prepare(self) -> None:
        """Do nothing: the folder was made with this object."""

    def check(self) -> None:
        check_room(self._incoming)

    def put(self, id: str, content: BinaryIO, size: int) -> None:
        path = self._path(id)
        descriptor, temporary = tempfile.mkstemp(dir=self._incoming)
        try:
            with os.fdopen(descriptor, "wb") as file:
                while piece := content.read(PIECE):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            if not path.parent.exists():
                path.parent.mkdir(exist_ok=True)
                _sync_folder(self._folder)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def holds(self, id: str, size: int) -> bool:
        try:
            with self._path(id).open("rb") as file:
                return hash_of(file) == (id, size)
        except FileNotFoundError:
            return False

    def read(self, id: str, size: int) -> Iterator[bytes]:
        """Read the file once before its first piece is returned: an answer that has begun cannot become an error."""
        try:
            file = self._path(id).open("rb")
        except FileNotFoundError:
            raise KeyError(id) from None
        if hash_of(file) != (id, size):
            file.close()
            raise KeyError(id)
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
