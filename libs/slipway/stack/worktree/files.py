"""Hold the result of reading a context: an entry for each path, and the facts to report about these paths."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from slipway.stack.entries import Encoded, FileEntry, Trees, without_mode


class MarkedFile(NamedTuple):
    """Hold a file that mostly is a secret, or a folder ``.git``, and the ``file:line`` that reads it.

    ``path``: from the context. ``file``: from the repository's root, with links resolved. ``content``: the sha256;
    empty for a folder or a link.
    """

    where: str
    path: str
    file: str
    content: str = ""


@dataclass(frozen=True)
class Files:
    """Hold the files that sources name: path → entry. ``trees`` has the listing of each tree among them.

    ``sizes``: path → the bytes that slipway would send. ``leaving``: links that point out of the context, as ``path ->
    target``. ``odd``: paths whose name or target is not UTF-8. ``marked``: the files that may be secrets.
    ``beside_own``: whether slipway's own folder lies among them; it is left out.
    """

    entries: Mapping[str, FileEntry]
    trees: Trees = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    leaving: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    marked: tuple[MarkedFile, ...] = ()
    beside_own: bool = field(default=False, compare=False)

    @property
    def size(self) -> int:
        """Return the bytes to send in total. A path inside a folder that is also sent does not count again."""
        return sum(count for path, count in self.sizes.items() if not self.sizes.keys() & set(_above(path)))


@dataclass
class FoundFiles:
    """Hold one path or folder while slipway reads it: the entries in it, their bytes, and the facts to report.

    ``marked``: files that may be secrets, and folders ``.git``, by their path from the context → the file's sha256.
    """

    listing: dict[str, Encoded] = field(default_factory=dict)
    size: int = 0
    leaving: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    marked: dict[str, str] = field(default_factory=dict)
    digest: str = ""
    beside_own: bool = False

    def sealed(self) -> FoundFiles:
        """Return the same with a sorted listing and the sha256 of that listing.

        The listing is sorted by bytes, so its digest is the same in every locale.
        """
        if self.is_ascii:  # a character is a byte, and one text is encoded in a fifth of the time of its parts
            listed = dict(sorted(self.listing.items()))
            whole = "".join([f"{len(path)}:{path}{len(text)}:{text}" for path, text in listed.items()])
            return replace(self, listing=listed, digest=hashlib.sha256(whole.encode("ascii")).hexdigest())
        by_name = sorted((os.fsencode(path), path, text) for path, text in self.listing.items())
        hasher = hashlib.sha256()
        for name, _, content in by_name:
            told = os.fsencode(content)
            hasher.update(b"%d:%b%d:%b" % (len(name), name, len(told), told))
        return replace(self, listing={path: text for _, path, text in by_name}, digest=hasher.hexdigest())

    @property
    def is_ascii(self) -> bool:
        """Tell whether all paths and texts of the listing are ASCII."""
        return "".join(self.listing).isascii() and "".join(self.listing.values()).isascii()

    def without_modes(self) -> FoundFiles:
        """Return the same without any modes, for a source whose modes do not enter the image."""
        return replace(self, listing={path: without_mode(text) for path, text in self.listing.items()}).sealed()


def sent_as(path: str, entry: FileEntry) -> str:
    """Return ``path`` with its links resolved, as its entry records them."""
    return entry.via or os.path.normpath(path)


def files_of(
    entries: Mapping[str, FileEntry], found: Mapping[str, FoundFiles], marked: Iterable[MarkedFile] = ()
) -> Files:
    return Files(
        entries,
        {each.digest: each.listing for each in found.values() if each.digest},
        {name: each.size for name, each in found.items()},
        tuple(dict.fromkeys(link for each in found.values() for link in each.leaving)),
        tuple(dict.fromkeys(path for each in found.values() for path in each.odd)),
        tuple(marked),
        any(each.beside_own for each in found.values()),
    )


def _above(path: str) -> Iterator[str]:
    """Yield the folders above ``path``, as paths from the root."""
    if path != ".":
        yield "."
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def is_text(path: str, text: Encoded) -> bool:
    """Tell whether a path and the text of its entry, which holds a link's target, are UTF-8."""
    if path.isascii() and text.isascii():
        return True
    try:
        return bool((path + text).encode("utf-8"))
    except UnicodeEncodeError:
        return False
