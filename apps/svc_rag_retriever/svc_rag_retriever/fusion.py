"""Fuse several rankings into one, with the standard library only."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

#: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet …", SIGIR 2009.
CONSTANT = 60


def fuse(rankings: Sequence[Sequence[Key]], *, constant: int = CONSTANT) -> list[tuple[Key, float]]:
    """Return the keys of all rankings, best first, each with Σ 1 / (constant + rank).

    Ranks count from 1. Keys with equal sums stay in the order in which the rankings name them.
    """
    scores: dict[Key, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking, start=1):
            scores[key] = scores.get(key, 0.0) + 1 / (constant + rank)
    return sorted(scores.items(), key=lambda entry: -entry[1])


def ranks(scored: Sequence[tuple[Key, float]]) -> Mapping[Key, tuple[int, float]]:
    """Return key → (rank from 1, score) of a ranking that is sorted best first."""
    return {key: (rank, score) for rank, (key, score) in enumerate(scored, start=1)}
