"""Write entities, mentions and relations as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from svc_kg.graph import Entity, Graph, Mention, Relation

#: The answer to a new document lists at most this many of its entities and of its relations.
MOST_SHOWN = 1000


def graph_as_json(document: str, graph: Graph) -> dict[str, object]:
    """Return the answer to a new document: its first entities and relations, and the numbers of all of them."""
    entities = graph.entities
    return {
        "document": document,
        "entities": [asdict(entity) for entity in entities[:MOST_SHOWN]],
        "relations": [relation_as_json(relation) for relation in graph.relations[:MOST_SHOWN]],
        "total": {"entities": len(entities), "relations": len(graph.relations)},
    }


def mention_as_json(document: str, mention: Mention) -> dict[str, object]:
    sentence = {"start": mention.sentence_start, "end": mention.sentence_end}
    return {"document": document, "start": mention.start, "end": mention.end, "sentence": sentence}


def relation_as_json(relation: Relation) -> dict[str, object]:
    shown: dict[str, object] = {
        "source": asdict(relation.source),
        "kind": relation.kind,
        "target": asdict(relation.target),
    }
    if relation.amount:
        shown["amount"] = relation.amount
    sentence = {"text": relation.sentence, "start": relation.start, "end": relation.end}
    return shown | {"document": relation.document, "sentence": sentence}


def path_as_json(first: Entity, path: Sequence[Relation]) -> dict[str, object]:
    """Return the relations of a path from ``first``, and the entities that they join."""
    entities = [first]
    for relation in path:
        entities.append(relation.target if relation.source.key == entities[-1].key else relation.source)
    return {"entities": [asdict(entity) for entity in entities], "relations": [relation_as_json(r) for r in path]}
