"""Define the answers, and make them of entities, mentions and relations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from svc_kg.graph import Entity, Graph, Listed, Mention, Relation

#: The answer to a new document lists at most this many of its entities and of its relations.
MOST_SHOWN = 1000


@dataclass(frozen=True)
class Span:
    start: int
    end: int


@dataclass(frozen=True)
class Sentence:
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class FoundMention:
    document: str
    start: int
    end: int
    sentence: Span


@dataclass(frozen=True, kw_only=True)
class StatedRelation:
    """A relation, with the sentence of ``document`` that states it. Answers leave out an ``amount`` of None."""

    source: Entity
    kind: str
    target: Entity
    amount: str | None = None
    document: str
    sentence: Sentence


@dataclass(frozen=True)
class Totals:
    entities: int
    relations: int


@dataclass(frozen=True)
class ReadDocument:
    """The first entities and relations of a document, and the numbers of all of them."""

    document: str
    entities: list[Entity]
    relations: list[StatedRelation]
    total: Totals


@dataclass(frozen=True)
class ListedDocument:
    id: str


@dataclass(frozen=True)
class DocumentList:
    documents: list[ListedDocument]
    total: int


@dataclass(frozen=True)
class EntityList:
    entities: list[Entity]
    total: int


@dataclass(frozen=True)
class RelationList:
    relations: list[StatedRelation]
    total: int


@dataclass(frozen=True)
class MentionedEntity(Entity):
    """An entity, a page of its mentions, and the number of all of them."""

    mentions: list[FoundMention]
    total: int


@dataclass(frozen=True)
class RelatedEntity:
    """An entity, a page of its relations, and the number of all of them."""

    entity: Entity
    relations: list[StatedRelation]
    total: int


@dataclass(frozen=True)
class Chain:
    """The relations of a path between two entities, and the entities that they join."""

    entities: list[Entity]
    relations: list[StatedRelation]


def read_document(document: str, graph: Graph) -> ReadDocument:
    entities = graph.entities
    relations = list(map(stated_relation, graph.relations[:MOST_SHOWN]))
    return ReadDocument(document, entities[:MOST_SHOWN], relations, Totals(len(entities), len(graph.relations)))


def mentioned_entity(entity: Entity, mentions: Listed[tuple[str, Mention]]) -> MentionedEntity:
    found = [
        FoundMention(document, mention.start, mention.end, Span(mention.sentence_start, mention.sentence_end))
        for document, mention in mentions.items
    ]
    return MentionedEntity(**asdict(entity), mentions=found, total=mentions.total)


def stated_relation(relation: Relation) -> StatedRelation:
    return StatedRelation(
        source=relation.source,
        kind=relation.kind,
        target=relation.target,
        amount=relation.amount or None,
        document=relation.document,
        sentence=Sentence(relation.sentence, relation.start, relation.end),
    )


def chain_from(first: Entity, relations: Sequence[Relation]) -> Chain:
    """Return the chain of these relations, the first of which has an end in ``first``."""
    entities = [first]
    for relation in relations:
        entities.append(relation.target if relation.source.key == entities[-1].key else relation.source)
    return Chain(entities, list(map(stated_relation, relations)))
