"""Embed documents batch by batch, so that a short document does not wait for a long one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from fastapi.concurrency import run_in_threadpool

from ragkit.embedding import Embedder
from ragkit.vectors import NO_VECTORS, Vectors
from servicekit.queueing import Queue

#: Passages for each turn. A full batch takes about 0.4 s on two cores.
BATCH = 16
_PER_SECOND = 40


async def embed_in_turns(model: Embedder, texts: Sequence[str], queue: Queue) -> Vectors:
    """Return a vector for each text. Other documents get their turns between the batches."""
    vectors = [NO_VECTORS]
    for first in range(0, len(texts), BATCH):
        batch = texts[first : first + BATCH]
        async with queue.turn(seconds=len(batch) / _PER_SECOND):
            vectors.append(await run_in_threadpool(model.embed, batch))
    return np.concatenate(vectors)
