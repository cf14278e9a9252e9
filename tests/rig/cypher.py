"""Run Cypher as Neo4j does, for ``tests.rig.bolt``: the engine is ocg, which passes openCypher's own tests.

Neo4j's Cypher has more than openCypher. The store uses two of these things: constraints, which are ignored, and
``elementId``, which stands for ``id``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from threading import Lock
from typing import Any


def cypher_engine() -> Callable[[str, Mapping[str, Any]], list[list[Any]]]:
    """Return a function that runs a query on a new graph and returns the rows. Many threads may call it."""
    ocg = import_module("ocg")  # a large library without types, which few tests use
    graph, alone = ocg.Graph(), Lock()

    def answer(query: str, parameters: Mapping[str, Any]) -> list[list[Any]]:
        if query.startswith("CREATE CONSTRAINT"):
            return []
        with alone:
            rows = graph.execute(query.replace("elementId(", "id("), dict(parameters))
        return [list(row.values()) for row in rows]

    return answer
