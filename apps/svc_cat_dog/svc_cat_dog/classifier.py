"""Classify pictures with the trained network.

Importing torch takes seconds, so only ``load_classifier`` imports it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from svc_cat_dog.answers import Answer
from svc_cat_dog.pictures import SIDE, Pixels

if TYPE_CHECKING:
    from torch import nn

WEIGHTS = Path(__file__).parent / "weights" / "cat-dog.safetensors"


class Classifier(Protocol):
    """Tell cats from dogs.

    ``model`` names the weights. ``card`` holds facts about their training, from the file of the weights.
    """

    model: str
    card: Mapping[str, str]

    def classify(self, pixels: Pixels) -> Answer: ...


def load_classifier(path: Path = WEIGHTS) -> Classifier:
    """Return the classifier with the weights in ``path``, a file of safetensors, which holds no code."""
    import torch
    from safetensors import safe_open

    from svc_cat_dog.network import Network

    torch.set_num_threads(1)  # several requests run side by side, one thread each
    with safe_open(path, framework="pt") as file:
        card = dict(file.metadata())
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    network = Network()
    network.load_state_dict(weights)
    classifier = _Trained(network.eval(), hashlib.sha256(path.read_bytes()).hexdigest()[:12], card)
    classifier.classify(np.zeros((SIDE, SIDE, 3), np.uint8))  # the first run is slow
    return classifier


class _Trained:
    def __init__(self, network: nn.Module, model: str, card: Mapping[str, str]) -> None:
        self._network = network
        self.model = model
        self.card = card

    def classify(self, pixels: Pixels) -> Answer:
        import torch

        from svc_cat_dog.network import probabilities

        picture = torch.from_numpy(pixels.copy()).permute(2, 0, 1).unsqueeze(0).float() / 255
        with torch.inference_mode():
            return Answer.of(float(probabilities(self._network, picture)[0, 0]))
