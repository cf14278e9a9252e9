"""What a document says as a graph, and what a store of such graphs can do."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

KINDS = ("person", "organisation", "place", "email", "amount")


@dataclass(frozen=True)
class Entity:
    """``key`` is the same wherever the entity is named alike: ``organisation:acme-gmbh``."""

    key: str
    kind: str
    name: str


@dataclass(frozen=True)
class Mention:
    """Where an entity is named; spans are in Unicode code points of the document's text."""

    entity: Entity
    start: int
    end: int
    sentence_start: int
    sentence_end: int


@dataclass(frozen=True)
class Relation:
    """``source`` does ``kind`` to ``target``, said by ``sentence`` at ``start``:``end`` of ``document``."""

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
    """All that one document says."""

    mentions: tuple[Mention, ...] = ()
    relations: tuple[Relation, ...] = ()

    @property
    def entities(self) -> list[Entity]:
        return list(dict.fromkeys(mention.entity for mention in self.mentions))


class StoreUnavailable(Exception):
    """The store does not answer, or refuses us."""


class Store(Protocol):
    """Graphs by document. An entity lives as long as a document mentions it.

    Every method raises StoreUnavailable when the store cannot be used.
    """

    def check(self) -> None:
        """Raise StoreUnavailable when the store cannot be read. Writes nothing, and waits for no writer."""

    def put(self, document: str, graph: Graph) -> None:
        """What ``document`` says from now on; what it said before is gone. All of it or nothing."""

    def delete(self, document: str) -> bool:
        """Forget ``document``; false when it was not known."""
        ...

    def find(self, name: str, limit: int) -> list[Entity]:
        """Entities whose name contains ``name``, whatever the case, shortest name first."""
        ...

    def entity(self, key: str) -> Entity | None: ...

    def mentions(self, key: str) -> list[tuple[str, Mention]]:
        """Document id and mention, sorted by both."""
        ...

    def relations(self, keys: Collection[str]) -> list[Relation]:
        """Every relation one of whose ends is in ``keys``, sorted by document and position."""
        ...


def entity(kind: str, name: str) -> Entity:
    """The entity of that kind and name; case, blanks and punctuation make no difference to its key."""
    exact = kind in ("email", "amount")
    slug = name.casefold() if exact else re.sub(r"[\W_]+", "-", name.casefold()).strip("-")
    return Entity(f"{kind}:{slug}".replace(" ", "-"), kind, name)
