"""Try svc-rag-retriever: questions without an answer. Its soak test measures it with large indexes."""

from __future__ import annotations

from apps.trials.asking import Request
from apps.trials.frame import Hostile, Trial
from apps.trials.inputs.http import json_door, wire


def asked(query: str, k: object = 5, statuses: frozenset[int] = frozenset({200})) -> Hostile:
    return Hostile(lambda: Request("/search", json={"query": query, "k": k}), statuses)


REFUSED = frozenset({422})

TRIAL = Trial(
    image="svc-rag-retriever",
    request=lambda number: Request("/search", json={"query": f"Where are the {number} crates of apples?"}),
    hostile={
        **wire("/search"),
        **json_door("/search", "query"),
        "a question of 2,001 characters": asked("x" * 2001, statuses=REFUSED),
        "a question of 1 MB": asked("x" * 1_000_000, statuses=frozenset({413})),
        "a question of blanks": asked(" \n\t" * 500, statuses=REFUSED),
        "a question of one long identifier": asked("a-" * 999 + "1"),
        "a question of emoji": asked("\U0001f9a5" * 2000),
        "a question of zeros": asked("\0" * 2000),
        "more results than 50": asked("x", 10**400, REFUSED),
        "no results": asked("x", 0, REFUSED),
        "half a result": asked("x", 0.5, REFUSED),
    },
)
