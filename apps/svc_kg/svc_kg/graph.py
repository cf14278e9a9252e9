"""Define the graph of a document, and the operations of a store of graphs."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from servicekit.paging import Page

T = TypeVar("T")

KINDS = ("person", "organisation", "place", "email", "amount")


@dataclass(frozen=True)
class Entity:
    """Hold an entity. Equal names have the same ``key``, such as ``organisation:acme-gmbh`` (see ``entity``)."""

    key: str
    kind: str
    name: str


@dataclass(frozen=True)
class Mention:
    """Hold a mention of an entity. Spans are in Unicode code points of the document's text."""

    entity: Entity
    start: int
    end: int
    sentence_start: int
    sentence_end: int


@dataclass(frozen=True)
class Relation:
    """Hold a relation: ``source`` does ``kind`` to ``target``.

    ``sentence``, at ``start`` up to ``end`` of ``document``, states it.
    """

    source: Entity
    kind: str
    target: Entity
    document: str
    start: int
    end: int
    sentence: str
    amount: str | None = None


@dataclass(frozen=True)
class Graph:
    """Hold the mentions and relations of one document."""

    mentions: tuple[Mention, ...] = ()
    relations: tuple[Relation, ...] = ()

    @property
    def entities(self) -> list[Entity]:
        return list(dict.fromkeys(mention.entity for mention in self.mentions))


@dataclass(frozen=True)
class Edge:
    """Hold the keys of a relation's ends. ``relation`` is its id in the store."""

    relation: int | str
    source: str
    target: str


@dataclass(frozen=True)
class Listed(Generic[T]):
    """Hold a page of a list, and the number of items on all pages."""

    items: Sequence[T]
    total: int


class StoreUnavailable(Exception):
    """Report that the store does not answer, or refuses the access."""


class Store(Protocol):
    """Keep graphs by document. An entity exists as long as a document mentions it.

    Every method raises StoreUnavailable when the store cannot be used.
    """

    def check(self) -> None:
        """Raise StoreUnavailable when the store cannot be read. Writes nothing, and waits for no writer."""

    def put(self, document: str, graph: Graph) -> None:
        """Replace the graph of ``document``, completely or not at all."""

    def delete(self, document: str) -> bool:
        """Delete ``document``. Returns false when it was unknown."""
        ...

    def documents(self, page: Page) -> Listed[str]:
        """Return the ids of documents, sorted."""
        ...

    def find(self, name: str, page: Page) -> Listed[Entity]:
        """Return the entities whose name contains ``name`` in any case, the shortest name first."""
        ...

    def entity(self, key: str) -> Entity | None: ...

    def mentions(self, key: str, page: Page) -> Listed[tuple[str, Mention]]:
        """Return document ids and mentions of an entity, sorted by document and position."""
        ...

    def relations(self, key: str, page: Page) -> Listed[Relation]:
        """Return the relations with an end in the entity ``key``, sorted by document and position."""
        ...

    def stated(self, document: str, page: Page) -> Listed[Relation]:
        """Return the relations that ``document`` states, sorted by position."""
        ...

    def edges(self, keys: Collection[str], most: int) -> list[Edge]:
        """Return up to ``most`` relations with an end in ``keys``, sorted by document and position."""
        ...

    def relation(self, edge: Edge) -> Relation | None: ...


def entity(kind: str, name: str) -> Entity:
    """Return the entity of this kind and name.

    Its key ignores case. Except in e-mail addresses and amounts, it also ignores which blanks and punctuation separate
    the words.
    """
    exact = kind in ("email", "amount")
    slug = name.casefold() if exact else re.sub(r"[\W_]+", "-", name.casefold()).strip("-")
    return Entity(f"{kind}:{slug}".replace(" ", "-"), kind, name)
