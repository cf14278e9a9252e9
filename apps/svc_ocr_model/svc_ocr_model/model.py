"""Define the model: its name, its signature, and how inputs and readings become files and outputs. No I/O."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from ocrkit.kinds import kind_of
from svc_ocr_model.tensors import (
    Datatype,
    InferenceRequest,
    Input,
    Output,
    Refused,
    Shape,
    TensorSpec,
    UnknownModel,
    check_size,
)

SERVER = "svc-ocr-model"
NAME = "ocr-model"
VERSION = "1"
#: The protocol writes a platform as <project>_<format>.
PLATFORM = "tesseract_traineddata"
IMAGE = TensorSpec("image", Datatype.BYTES, (-1,))
TEXT = TensorSpec("text", Datatype.BYTES, (-1,))
CONFIDENCE = TensorSpec("confidence", Datatype.FP32, (-1,))
OUTPUTS = (TEXT, CONFIDENCE)

#: base64 may be wrapped into lines, as the program of that name does.
_BLANKS = b" \t\r\n"


@dataclass(frozen=True)
class Reading:
    """Hold the text of an image, with a form feed between its pages, and the mean confidence (0–100)."""

    text: str
    confidence: float


def check_name(name: str, version: str = "") -> None:
    """Raise UnknownModel for any other model or version. No version stands for the newest one."""
    if name != NAME:
        raise UnknownModel(f"model '{name}' not found; this server has '{NAME}'")
    if version not in ("", VERSION):
        raise UnknownModel(f"model '{NAME}' has no version '{version}'; it has '{VERSION}'")


def files_of(request: InferenceRequest) -> list[bytes]:
    """Return the images of a request. Raises Refused when the request does not fit the signature."""
    unknown = [name for name in request.outputs if name not in {spec.name for spec in OUTPUTS}]
    if unknown:
        known = ", ".join(f"'{spec.name}'" for spec in OUTPUTS)
        raise Refused(f"the model has no output '{unknown[0]}'; it has {known}")
    names = [tensor.name for tensor in request.inputs]
    if names != [IMAGE.name]:
        raise Refused(f"the model takes one input, '{IMAGE.name}'; the request has {names}")
    image = request.inputs[0]
    if image.datatype != IMAGE.datatype:
        raise Refused(f"input '{image.name}': the datatype is {IMAGE.datatype}, not '{image.datatype}'")
    if not _is_column(image.shape):
        raise Refused(f"input '{image.name}': the shape is [n] or [n, 1], not {list(image.shape)}")
    check_size(image)
    return [_file_of(image, place) for place in range(len(image.data))]


def outputs_of(request: InferenceRequest, readings: Sequence[Reading]) -> tuple[Output, ...]:
    """Return the outputs that the request asks for, in the shape of its input."""
    shape = request.inputs[0].shape
    data: dict[TensorSpec, Sequence[bytes] | Sequence[float]] = {
        TEXT: [reading.text.encode() for reading in readings],
        CONFIDENCE: [reading.confidence for reading in readings],
    }
    chosen = [spec for spec in OUTPUTS if not request.outputs or spec.name in request.outputs]
    return tuple(Output(spec.name, spec.datatype, shape, data[spec]) for spec in chosen)


def _is_column(shape: Shape) -> bool:
    return len(shape) in (1, 2) and shape[0] > 0 and shape[1:] in ((), (1,))


def _file_of(image: Input, place: int) -> bytes:
    """Return the image file that an element holds: in base64, or as it is, which only gRPC can carry.

    No base64 text begins as an image file does.
    """
    element = image.data[place]
    if not isinstance(element, bytes):
        raise Refused(f"input '{image.name}': element {place} is not a text of base64")
    if kind_of(element):
        return element
    try:
        return base64.b64decode(element.translate(None, _BLANKS), validate=True)
    except binascii.Error as error:
        raise Refused(f"input '{image.name}': element {place} is not base64: {error}") from error
