"""Define documents and the passages that they are cut into.

The module holds only values, and uses only the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PlaceKind = Literal["document", "heading", "page", "slide", "sheet"]


@dataclass(frozen=True)
class Place:
    """Name a part of a document.

    Examples are ``Place("slide", "3")``, ``Place("sheet", "Prices")`` and ``Place("heading", "Returns")``.
    ``Place("document", "")`` is the document itself, or the text before its first heading.
    """

    kind: PlaceKind
    name: str = ""


@dataclass(frozen=True)
class Section:
    """Hold the text of one place."""

    place: Place
    text: str


@dataclass(frozen=True)
class Document:
    """Hold a document. ``source`` is the name of its file, or "" when the client sent the text itself."""

    id: str
    title: str
    source: str
    sections: tuple[Section, ...]

    @property
    def characters(self) -> int:
        return sum(len(section.text) for section in self.sections)


@dataclass(frozen=True)
class Passage:
    """Hold the characters ``start`` up to ``end`` of the text at ``place`` in a document."""

    document: str
    title: str
    source: str
    place: Place
    start: int
    end: int
    text: str

    @property
    def searchable(self) -> str:
        """Return the passage below its title and heading: the text for the embedding and the word search."""
        heading = self.place.name if self.place.kind in ("heading", "sheet") else ""
        return "\n".join(part for part in (self.title, heading, self.text) if part)


@dataclass(frozen=True)
class Listed:
    """Hold a document's entry in the index's list: its numbers of passages and characters, but no text."""

    id: str
    title: str
    source: str
    passages: int
    characters: int


@dataclass(frozen=True)
class Stats:
    """Hold the numbers of documents and passages. ``generation`` counts the changes of the index."""

    documents: int
    passages: int
    generation: int
