"""Find the nearest vectors by comparing all of them: exact, and quick for a hundred thousand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ragkit.protocol import Mask, PassageId
from ragkit.vectors import DIMENSIONS, Vectors, highest

#: Vectors of one block of memory. A full block never moves, so that growing copies nothing.
_BLOCK = 4096


class InMemory:
    """Keep the vectors in memory, 1,536 bytes each. One thread may append while others search."""

    def __init__(self) -> None:
        self._blocks: list[Vectors] = []
        self._size = 0

    def append(self, ids: Sequence[PassageId], vectors: Vectors) -> None:
        while len(vectors):
            used = self._size % _BLOCK
            if not used:
                self._blocks.append(np.zeros((_BLOCK, DIMENSIONS), dtype=np.float32))
            fitting, vectors = vectors[: _BLOCK - used], vectors[_BLOCK - used :]
            self._blocks[-1][used : used + len(fitting)] = fitting
            self._size += len(fitting)

    def only(self, slots: NDArray[np.int64]) -> InMemory:
        kept = InMemory()
        for number, block in enumerate(self._blocks):
            inside = slots[(slots >= number * _BLOCK) & (slots < (number + 1) * _BLOCK)]
            kept.append((), block[inside - number * _BLOCK])
        return kept

    def best(self, vector: Vectors, count: int, alive: Mask) -> list[tuple[int, float]]:
        if not alive.any():
            return []
        cosines = np.concatenate([block @ vector for block in self._blocks])[: len(alive)]
        cosines[~alive] = -np.inf
        slots = highest(cosines, min(count, int(alive.sum())))
        return [(int(slot), float(cosines[slot])) for slot in slots]
