"""Order names by their dependencies, and find ancestors, descendants and cycles.

A graph maps each name to the names on which it depends. This module knows only names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

Graph = Mapping[str, Collection[str]]


class CycleError(Exception):
    """Report a cycle. ``path`` begins and ends with the same name; each name depends on the next."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(" -> ".join(path))
        self.path = path


def order(graph: Graph) -> tuple[str, ...]:
    """Return every name after the names on which it depends. Raises CycleError.

    The function visits the names in the mapping's order, and the dependencies of each name before it.
    """
    done: dict[str, None] = {}
    trail: dict[str, None] = {}
    for start in graph:
        stack = [(start, iter(graph[start]))] if start not in done else []
        if stack:
            trail[start] = None
        while stack:
            name, below = stack[-1]
            parent = next(below, None)
            if parent is None:
                stack.pop()
                del trail[name]
                done[name] = None
            elif parent in trail:
                path = list(trail)
                raise CycleError((*path[path.index(parent) :], parent))
            elif parent not in done and parent in graph:
                trail[parent] = None
                stack.append((parent, iter(graph[parent])))
    return tuple(done)


def ancestors(graph: Graph, names: Iterable[str]) -> frozenset[str]:
    """Return the names on which ``names`` depend, directly or indirectly.

    The result holds one of ``names`` only when another of them, or the name itself in a cycle, depends on it.
    """
    seen: set[str] = set()
    ahead = [parent for name in names for parent in graph.get(name, ())]
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead.extend(graph.get(name, ()))
    return frozenset(seen)


def descendants(graph: Graph, names: Iterable[str]) -> frozenset[str]:
    """Return the names that depend on ``names``, directly or indirectly."""
    children: dict[str, list[str]] = {}
    for child, parents in graph.items():
        for parent in parents:
            children.setdefault(parent, []).append(child)
    return ancestors(children, names)
