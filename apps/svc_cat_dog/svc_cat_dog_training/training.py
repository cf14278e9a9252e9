"""Train the network on pictures, and measure it on others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from svc_cat_dog.network import Network, probabilities
from torch import Tensor, nn
from torch.nn import functional

from svc_cat_dog_training.cifar import Pictures


@dataclass(frozen=True)
class Recipe:
    """Hold the choices of a training. ``held_back`` pictures are not trained on; they show the progress."""

    epochs: int = 24
    batch: int = 64
    peak_rate: float = 0.2
    decay: float = 5e-4
    smoothing: float = 0.1
    shift: int = 4
    hole: int = 8
    held_back: int = 1000
    seed: int = 1


@dataclass(frozen=True)
class Epoch:
    number: int
    loss: float
    accuracy: float
    seconds: float


def train(pictures: Pictures, recipe: Recipe, tell: Callable[[Epoch], None]) -> Network:
    """Return the network after the last epoch. ``tell`` gets each epoch with the accuracy on the held-back pictures."""
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(1)  # the batches are small: two threads spend more time with each other than they save
    order = torch.randperm(len(pictures))
    inputs, labels = as_tensors(pictures)
    inputs, labels = inputs[order], labels[order]
    progress = inputs[: recipe.held_back], labels[: recipe.held_back]
    inputs, labels = inputs[recipe.held_back :], labels[recipe.held_back :]
    network = Network()
    steps = len(labels) // recipe.batch
    optimizer = torch.optim.SGD(
        network.parameters(), recipe.peak_rate, momentum=0.9, nesterov=True, weight_decay=recipe.decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.peak_rate, total_steps=recipe.epochs * steps, pct_start=0.25
    )
    for number in range(1, recipe.epochs + 1):
        began, total = time.monotonic(), 0.0
        network.train()
        for chosen in torch.randperm(len(labels))[: steps * recipe.batch].split(recipe.batch):
            batch = varied(inputs[chosen], recipe)
            with torch.autocast("cpu", torch.bfloat16):  # half the time of 32 bits
                logits = network(batch)
            loss = functional.cross_entropy(logits.float(), labels[chosen], label_smoothing=recipe.smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        tell(Epoch(number, total / steps, accuracy(network, *progress), time.monotonic() - began))
    return network


def varied(batch: Tensor, recipe: Recipe) -> Tensor:
    """Return each picture shifted, half of them mirrored, of other brightness and contrast, with a grey hole."""
    return torch.stack(list(_varied(batch, recipe)))


def _varied(batch: Tensor, recipe: Recipe) -> Iterator[Tensor]:
    side, room = batch.shape[-1], 2 * recipe.shift
    padded = functional.pad(batch, (recipe.shift,) * 4, mode="reflect")
    places = torch.randint(0, room + 1, (len(batch), 2)).tolist()
    holes = torch.randint(-recipe.hole // 2, side, (len(batch), 2)).tolist()
    light = 1 + 0.4 * (torch.rand(len(batch), 2) - 0.5)
    mirrored = (torch.rand(len(batch)) < 0.5).tolist()
    for picture, (top, left), (hole_top, hole_left), change, mirror in zip(
        padded, places, holes, light, mirrored, strict=True
    ):
        moved = picture[:, top : top + side, left : left + side]
        moved = moved.flip(2) if mirror else moved
        grey = moved.mean()
        moved = ((moved - grey) * change[0] + grey * change[1]).clamp(0, 1)
        rows = slice(max(hole_top, 0), hole_top + recipe.hole)
        moved[:, rows, max(hole_left, 0) : hole_left + recipe.hole] = 0.5
        yield moved


@dataclass(frozen=True)
class Figures:
    """Hold the shares of pictures that were named right, and the mean probability of the names given.

    ``sure``: the share of pictures whose name had a probability of 0.9 or more; ``sure_right``: of those, the share
    that was named right.
    """

    right: float
    cats: float
    dogs: float
    confidence: float
    sure: float
    sure_right: float


def measure(network: nn.Module, pictures: Pictures) -> Figures:
    inputs, labels = as_tensors(pictures)
    confidence, named = predicted(network, inputs).max(1)
    right = (named == labels).float()
    sure = confidence >= 0.9
    means = (right, right[labels == 0], right[labels == 1], confidence, sure.float(), right[sure])
    return Figures(*(float(values.mean()) for values in means))


def accuracy(network: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    return float((predicted(network, inputs).argmax(1) == labels).float().mean())


def predicted(network: nn.Module, inputs: Tensor) -> Tensor:
    """Return the probabilities of many pictures."""
    network.eval()
    with torch.inference_mode():
        return torch.cat([probabilities(network, some) for some in inputs.split(500)])


def as_tensors(pictures: Pictures) -> tuple[Tensor, Tensor]:
    """Return pictures as N × 3 × 32 × 32, 0 to 1, and their labels."""
    return torch.from_numpy(pictures.pixels).permute(0, 3, 1, 2).float() / 255, torch.from_numpy(pictures.labels)
