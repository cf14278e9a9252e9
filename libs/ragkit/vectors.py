"""Define the type of vectors, for modules that pass vectors on and do not compute them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Rows are passages, columns are dimensions. Every row has length 1, so that a dot product is a cosine.
Vectors = NDArray[np.float32]

#: The size of a vector of all-MiniLM-L6-v2.
DIMENSIONS = 384

NO_VECTORS: Vectors = np.empty((0, DIMENSIONS), dtype=np.float32)


def highest(scores: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    """Return the positions of the ``count`` highest scores, highest first. Equal scores keep their order."""
    candidates = np.arange(len(scores))
    if count < len(scores):
        least = np.partition(scores, -count)[-count]
        candidates = np.flatnonzero(scores >= least)
    order = np.argsort(-scores[candidates], kind="stable")
    return np.asarray(candidates[order[:count]], dtype=np.int64)
