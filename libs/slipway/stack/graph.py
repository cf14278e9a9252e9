"""Order, ancestors, descendants; a cycle as a path. Knows only names.

A graph is a mapping from each name to the names it stands on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

Graph = Mapping[str, Collection[str]]


class CycleError(Exception):
    """``path`` begins and ends with the same name; each stands on the next."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(" -> ".join(path))
        self.path = path


def order(graph: Graph) -> tuple[str, ...]:
    """Every name after all it stands on; among equals, as the mapping lists them. Raises CycleError."""
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
    """All that ``names`` stand on, at any distance; without the names themselves unless they stand on each other."""
    seen: set[str] = set()
    ahead = [parent for name in names for parent in graph.get(name, ())]
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead.extend(graph.get(name, ()))
    return frozenset(seen)


def descendants(graph: Graph, names: Iterable[str]) -> frozenset[str]:
    """All that stands on ``names``, at any distance."""
    children: dict[str, list[str]] = {}
    for child, parents in graph.items():
        for parent in parents:
            children.setdefault(parent, []).append(child)
    return ancestors(children, names)
