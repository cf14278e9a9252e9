"""Describe one path that an image reads, in one type with one encoding.

slipway hashes this encoding into the input digest and stores it in ``.slipway/inputs``. A change of the encoding
rebuilds every image.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, NewType

#: The result of ``FileEntry.encode``. Only this module reads its fields.
Encoded = NewType("Encoded", str)
#: The sha256 of a folder's listing, which is the ``content`` of its ``TREE`` entry → the listing. Its entries are
#: encoded texts: the garbage collector would visit each of a hundred thousand objects, but it does not visit texts.
Trees = Mapping[str, Mapping[str, Encoded]]


class Kind(StrEnum):
    """Name the kinds of paths: a plain file, a symbolic link, a folder by itself, a folder with everything below it."""

    FILE = "file"
    LINK = "link"
    FOLDER = "folder"
    TREE = "tree"


_VIA = " via "
_LINK, _FOLDER, _TREE = "link ", "directory", "tree:"
#: The encoding of a mode that does not count.
_ANY_MODE = "-"


class FileEntry(NamedTuple):
    """Hold one path that an image reads. A tuple takes a quarter of the time of a frozen dataclass.

    - ``mode``: file type and permissions, as lstat gives them; None for a link, and when the mode does not enter the
      image.
    - ``content``: a file's sha256, the sha256 of a tree's listing, or a link's target; empty for a folder.
    - ``attributes``: the sha256 of the extended attributes that layers keep; mostly empty.
    - ``via``: the path from the context to which the links on the way lead; empty when there is no link.
    """

    kind: Kind
    mode: int | None = None
    content: str = ""
    attributes: str = ""
    via: str = ""

    def encode(self) -> Encoded:
        """Return the text that slipway hashes and stores; ``decode`` reads it."""
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
        """Return the same entry without its mode."""
        return self._replace(mode=None)


def encode_file(mode: int, hashes: str) -> Encoded:
    """Return the encoding of a file. This is the fast way for the files of a big tree.

    ``hashes``: the sha256 of its content, then a blank and the sha256 of its attributes if it has any.
    """
    return f"{mode:o} {hashes}"  # type: ignore[return-value]  # calling NewType takes as long as building the text


def decode(text: str) -> FileEntry:
    """Read the text that ``FileEntry.encode`` returns.

    Only ``via`` and a link's target may hold blanks, so the text is not ambiguous. Raises ValueError for a text
    without a mode or content.
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
    """Return the encoding of the same entry without its mode; a link has none."""
    if encoded.startswith(_LINK):
        return encoded
    return Encoded(f"{_ANY_MODE} {encoded.partition(' ')[2]}")
