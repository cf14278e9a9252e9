"""Find the shortest chain of relations between two entities, in either direction of each relation."""

from __future__ import annotations

from collections.abc import Callable, Collection

from svc_kg.graph import Relation


def shortest_path(
    source: str, target: str, relations: Callable[[Collection[str]], list[Relation]], *, most: int
) -> list[Relation] | None:
    """Return the relations from key ``source`` to key ``target``, or None when more than ``most`` are necessary.

    The result is [] when the keys are equal. ``relations`` is called once per step away from ``source``, for all
    entities that the step before has reached.
    """
    reached: dict[str, list[Relation]] = {source: []}
    frontier = [source]
    while target not in reached and frontier and len(reached[frontier[0]]) < most:
        following: list[str] = []
        for relation in relations(frontier):
            ends = (relation.source.key, relation.target.key)
            for here, there in (ends, ends[::-1]):
                if here in reached and there not in reached and here not in following:
                    reached[there] = [*reached[here], relation]
                    following.append(there)
        frontier = following
    return reached.get(target)
