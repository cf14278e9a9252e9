"""Define the requests and tensors of the Open Inference Protocol V2, whichever way they come. No I/O.

Numbers and texts of a tensor are flat and in row-major order. BYTES elements are bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

Element = bytes | float
Shape = tuple[int, ...]

#: An input has at most this many elements. Each is an image file.
MOST_ELEMENTS = 256


class Datatype(StrEnum):
    """The datatypes that this model has. The protocol knows more."""

    BYTES = "BYTES"
    FP32 = "FP32"


class Refused(Exception):
    """Report a request that the protocol or the model's signature does not allow. The message says why."""


class UnknownModel(Exception):
    """Report a model, or a version of it, that this server does not have."""


@dataclass(frozen=True)
class TensorSpec:
    """Describe a tensor of a model. A dimension of −1 has any size."""

    name: str
    datatype: Datatype
    shape: Shape


@dataclass(frozen=True)
class Input:
    """Hold an input tensor, as a client sent it."""

    name: str
    datatype: str
    shape: Shape
    data: Sequence[object]


@dataclass(frozen=True)
class Output:
    """Hold an output tensor."""

    name: str
    datatype: Datatype
    shape: Shape
    data: Sequence[Element]


@dataclass(frozen=True)
class InferenceRequest:
    """Hold a request: its inputs, and the names of the outputs to answer; no name stands for all outputs."""

    inputs: tuple[Input, ...]
    outputs: tuple[str, ...] = ()


def check_size(tensor: Input) -> None:
    """Raise Refused when the tensor has too many elements, or not as many as its shape says."""
    wanted, shape = math.prod(tensor.shape), list(tensor.shape)
    if max(wanted, len(tensor.data)) > MOST_ELEMENTS:
        raise Refused(f"input '{tensor.name}': it has more than {MOST_ELEMENTS} elements")
    if len(tensor.data) != wanted:
        raise Refused(f"input '{tensor.name}': the shape {shape} has {wanted} elements, the data {len(tensor.data)}")
