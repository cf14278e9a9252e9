"""Divide a long list of changes into steps, with the standard library only."""

from __future__ import annotations

from collections.abc import Iterable


def step(sizes: Iterable[int], at_most: int) -> int:
    """Return how many of the first documents have at most ``at_most`` passages together, but at least one.

    ``sizes``: the number of passages of each document. Returns 0 when there is no document.
    """
    taken = total = 0
    for size in sizes:
        total += size
        if total > at_most and taken:
            break
        taken += 1
    return taken
