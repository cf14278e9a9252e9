"""Documents and the passages they are cut into. Values only; the standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PlaceKind = Literal["document", "heading", "page", "slide", "sheet"]


@dataclass(frozen=True)
class Place:
    """A part of a document: ``Place("slide", "3")``, ``Place("sheet", "Prices")``, ``Place("heading", "Returns")``.

    ``Place("document", "")`` is the document itself, or what comes before its first heading.
    """

    kind: PlaceKind
    name: str = ""


@dataclass(frozen=True)
class Section:
    """The text of one place."""

    place: Place
    text: str


@dataclass(frozen=True)
class Document:
    """``source`` is the file it came from, or "" when its text was sent as it is."""

    id: str
    title: str
    source: str
    sections: tuple[Section, ...]

    @property
    def characters(self) -> int:
        return sum(len(section.text) for section in self.sections)


@dataclass(frozen=True)
class Passage:
    """Characters ``start`` up to ``end`` of the text at ``place`` in a document."""

    document: str
    title: str
    source: str
    place: Place
    start: int
    end: int
    text: str

    @property
    def searchable(self) -> str:
        """The passage under its title and heading: what is embedded and what words are looked up in."""
        heading = self.place.name if self.place.kind in ("heading", "sheet") else ""
        return "\n".join(part for part in (self.title, heading, self.text) if part)


@dataclass(frozen=True)
class Listed:
    """A document as the index lists it."""

    id: str
    title: str
    source: str
    passages: int
    characters: int


@dataclass(frozen=True)
class Stats:
    """``generation`` counts the changes the index has seen."""

    documents: int
    passages: int
    generation: int
