"""Define the network: a small residual CNN for pictures of 32 × 32 pixels."""

# mypy: allow-subclassing-any
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Mean and standard deviation of the training pictures' channels, 0 to 1.
_MEAN, _DEVIATION = (0.498, 0.461, 0.416), (0.254, 0.248, 0.254)


class Network(nn.Module):
    """Map pictures, N × 3 × 32 × 32 with values of 0 to 1, to N × 2 logits: cat, dog. It has 420,000 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(1, 3, 1, 1), persistent=False)
        self.body = nn.Sequential(
            _step(3, 32),
            _step(32, 48, stride=2),
            _Residual(48),
            _step(48, 96, stride=2),
            _Residual(96),
            _step(96, 128, stride=2),
            _Residual(128),
        )
        self.head = nn.Linear(128, 2)

    def forward(self, pictures: Tensor) -> Tensor:
        features = self.body((pictures - self.mean) / self.deviation)
        logits: Tensor = self.head(features.mean(dim=(2, 3)))
        return logits


class _Residual(nn.Module):
    """Add to its input the result of a step."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.step = _step(channels, channels)

    def forward(self, features: Tensor) -> Tensor:
        changed: Tensor = self.step(features)
        return features + changed


def _step(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def probabilities(network: nn.Module, pictures: Tensor) -> Tensor:
    """Return N × 2 probabilities: cat, dog. The network also sees each picture's mirror image."""
    both = torch.cat([pictures, pictures.flip(3)])
    logits = network(both)
    return functional.softmax((logits[: len(pictures)] + logits[len(pictures) :]) / 2, dim=1)
