"""Documents are embedded in turns."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import numpy as np
from svc_rag_indexer.embedding import BATCH, embed_in_turns

from ragkit.vectors import DIMENSIONS, Vectors
from servicekit.queueing import Queue


class Noting:
    """Embed a text as the axis of its length, and note the first text of each batch."""

    def __init__(self) -> None:
        self.batches: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        assert 1 <= len(texts) <= BATCH
        self.batches.append(texts[0])
        return np.eye(DIMENSIONS, dtype=np.float32)[[len(text) for text in texts]]


def test_a_short_document_does_not_wait_for_a_long_one() -> None:
    model, queue = Noting(), Queue(1, 10)

    async def both() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(embed_in_turns, model, ["book"] * BATCH * 20, queue)
            while not model.batches:
                await anyio.sleep(0)
            tasks.start_soon(embed_in_turns, model, ["note"], queue)

    anyio.run(both)
    assert len(model.batches) == 21
    assert model.batches.index("note") < 4


def test_the_vectors_keep_the_order_of_the_passages() -> None:
    texts = ["x" * length for length in range(2 * BATCH + 3)]
    vectors = anyio.run(embed_in_turns, Noting(), texts, Queue(1, 1))
    assert [int(row.argmax()) for row in vectors] == list(range(len(texts)))
    assert anyio.run(embed_in_turns, Noting(), [], Queue(1, 1)).shape == (0, DIMENSIONS)


def test_work_for_a_client_that_left_ends_after_its_batch() -> None:
    model = Noting()

    async def leave() -> None:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(embed_in_turns, model, ["book"] * BATCH * 20, Queue(1, 1))
                while not model.batches:
                    await anyio.sleep(0)
                scope.cancel()

    anyio.run(leave)
    assert len(model.batches) <= 2
