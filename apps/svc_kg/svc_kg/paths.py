"""Find the shortest chain of relations between two entities, in either direction of each relation."""

from __future__ import annotations

from collections.abc import Callable, Collection

from svc_kg.graph import Edge

#: A search reads at most this many relations, which bounds its time and memory.
MOST_EDGES = 100_000

#: Returns up to so many edges with an end in one of these keys.
Edges = Callable[[Collection[str], int], list[Edge]]


class TooWide(Exception):
    """Report that the search between two entities reads too many relations. Clients see the message."""


def shortest_path(source: str, target: str, edges: Edges, *, most: int, width: int = MOST_EDGES) -> list[Edge] | None:
    """Return the edges from key ``source`` to key ``target``, or None when more than ``most`` are necessary.

    The result is [] when the keys are equal. ``edges`` is called once per step away from ``source``, for all entities
    that the step before has reached. Raises TooWide when the steps together read more than ``width`` edges.
    """
    came_by: dict[str, tuple[str, Edge]] = {}
    frontier = {source}
    reached = {source}
    for _ in range(most):
        if target in reached or not frontier:
            break
        found = edges(frontier, width + 1)
        width -= len(found)
        if width < 0:
            raise TooWide(f"the search from '{source}' to '{target}' reads too many relations")
        following: set[str] = set()
        for edge in found:
            for here, there in ((edge.source, edge.target), (edge.target, edge.source)):
                if here in frontier and there not in reached:
                    came_by[there] = (here, edge)
                    reached.add(there)
                    following.add(there)
        frontier = following
    return _back(source, target, came_by) if target in reached else None


def _back(source: str, target: str, came_by: dict[str, tuple[str, Edge]]) -> list[Edge]:
    """Return the edges that lead to ``target``, from the first to the last one."""
    path: list[Edge] = []
    while target != source:
        target, edge = came_by[target]
        path.append(edge)
    return path[::-1]
