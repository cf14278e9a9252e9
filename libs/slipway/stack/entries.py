"""Describe one path that an image reads, in one type with one encoding.

The input digest is made of this encoding, and ``.slipway/inputs`` keeps it. A change of it rebuilds every image.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, NewType

#: What ``FileEntry.encode`` returns. Only this module looks into it.
Encoded = NewType("Encoded", str)
#: A folder's listing by the sha256 that stands for it, which is the content of its ``TREE``. A listing is encoded: the
#: garbage collector would visit each of a hundred thousand objects, and visits no text.
Trees = Mapping[str, Mapping[str, Encoded]]


class Kind(StrEnum):
    """A plain file, a symbolic link, a folder by itself, or a folder with everything below it."""

    FILE = "file"
    LINK = "link"
    FOLDER = "folder"
    TREE = "tree"


_VIA = " via "
_LINK, _FOLDER, _TREE = "link ", "directory", "tree:"
#: What stands for a mode that does not count.
_ANY_MODE = "-"


class FileEntry(NamedTuple):
    """One path that an image reads. A tuple takes a fourth of the time of a frozen dataclass.

    mode: file type and permissions, as lstat gives them; None for a link, and where no mode enters the image ·
    content: a file's sha256, the sha256 of a tree's listing, a link's target; empty for a folder ·
    attributes: the sha256 of the extended attributes that layers keep; mostly empty ·
    via: the path from the context that the links on the way lead to; empty where there is no link.
    """

    kind: Kind
    mode: int | None = None
    content: str = ""
    attributes: str = ""
    via: str = ""

    def encode(self) -> Encoded:
        """Return the text that is hashed and kept; ``decode`` reads it back."""
        kind, mode, content, attributes, via = self
        if kind is Kind.LINK:
            return Encoded(_LINK + content)
        if kind is not Kind.FILE:
            content = _FOLDER if kind is Kind.FOLDER else _TREE + content
        text = f"{_ANY_MODE} {content}" if mode is None else f"{mode:o} {content}"
        if attributes:
            text = f"{text} {attributes}"
        return Encoded(f"{text}{_VIA}{via}" if via else text)

    def without_mode(self) -> FileEntry:
        """Return the same entry where its mode does not count."""
        return self._replace(mode=None)


def encode_file(mode: int, hashes: str) -> Encoded:
    """Return the encoding of a file; ``hashes``: its content, and after a blank its attributes if it has any.

    The fast way for the files of a big tree.
    """
    return f"{mode:o} {hashes}"  # type: ignore[return-value]  # NewType's call would take as long as the text


def decode(text: str) -> FileEntry:
    """Read ``FileEntry.encode``. The fields before ``via`` and a link's target hold no blank, so nothing is ambiguous.

    Raises ValueError for any other text.
    """
    if text.startswith(_LINK):
        return FileEntry(Kind.LINK, None, text.removeprefix(_LINK))
    said, _, via = text.partition(_VIA)
    word, _, rest = said.partition(" ")
    content, _, attributes = rest.partition(" ")
    if not content:
        raise ValueError(f"{text!r} does not describe a file")
    mode = None if word == _ANY_MODE else int(word, 8)
    if content == _FOLDER:
        return FileEntry(Kind.FOLDER, mode, "", attributes, via)
    if content.startswith(_TREE):
        return FileEntry(Kind.TREE, mode, content.removeprefix(_TREE), attributes, via)
    return FileEntry(Kind.FILE, mode, content, attributes, via)


def without_mode(encoded: Encoded) -> Encoded:
    """Return the encoding of the same entry where its mode does not count; a link has none."""
    if encoded.startswith(_LINK):
        return encoded
    return Encoded(f"{_ANY_MODE} {encoded.partition(' ')[2]}")
