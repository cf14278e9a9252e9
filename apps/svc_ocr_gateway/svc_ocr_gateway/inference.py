"""Write requests of the Open Inference Protocol V2, and read their answers. No I/O."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import orjson
from pydantic import BaseModel, Field, ValidationError

#: base64 writes three bytes as four characters, so each piece but the last has a multiple of three bytes.
_PIECE = 3 << 18
_IMAGE = "<image>"


class WrongAnswer(Exception):
    """Report an answer that is not one of the protocol's, or not this model's. The message names the mistake."""


@dataclass(frozen=True)
class Reading:
    """Hold the text of an image, and the confidence of its reading (0–100)."""

    text: str
    confidence: float


@dataclass(frozen=True)
class Question:
    """Hold a request about one image file of ``size`` bytes, whose id is ``id``.

    The request is written piece by piece, because in base64 it is larger than the file.
    """

    file: BinaryIO
    size: int
    id: str

    @property
    def length(self) -> int:
        """Return the number of bytes of the whole request."""
        before, after = self._frame()
        return len(before) + 4 * ((self.size + 2) // 3) + len(after)

    def pieces(self) -> Iterator[bytes]:
        """Yield the request, and read the file as needed."""
        before, after = self._frame()
        yield before
        while data := self.file.read(_PIECE):
            yield base64.b64encode(data)
        yield after

    def _frame(self) -> tuple[bytes, bytes]:
        """Return the request's bytes before and after the image."""
        image = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [_IMAGE]}
        request = {"id": self.id, "inputs": [image], "outputs": [{"name": "text"}, {"name": "confidence"}]}
        before, _, after = orjson.dumps(request).partition(_IMAGE.encode())
        return before, after


class _Tensor(BaseModel):
    name: str
    datatype: str
    data: list[str | float] = Field(max_length=16)


class _Answer(BaseModel):
    id: str = ""
    outputs: list[_Tensor] = Field(max_length=16)


def reading_of(body: bytes, id: str) -> Reading:
    """Return the reading that the answer to the request ``id`` holds. Raises WrongAnswer."""
    try:
        answer = _Answer.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise WrongAnswer("it is not JSON") from error
    except ValidationError as error:
        raise WrongAnswer("it is not an answer of the Open Inference Protocol V2") from error
    if answer.id != id:
        raise WrongAnswer("it is the answer to another request")
    text, confidence = _element(answer, "text", "BYTES"), _element(answer, "confidence", "FP32")
    try:
        return Reading(base64.b64decode(str(text), validate=True).decode(), float(confidence))
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise WrongAnswer("its output 'text' is not base64 of a text") from error


def reason_of(body: bytes) -> str:
    """Return the reason in an error of the protocol, ``{"error": "…"}``, or an empty string."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    reason = told.get("error") if isinstance(told, dict) else None
    return reason[:500] if isinstance(reason, str) else ""


def _element(answer: _Answer, name: str, datatype: str) -> str | float:
    """Return the only element of an output. Raises WrongAnswer."""
    for output in answer.outputs:
        if (output.name, output.datatype, len(output.data)) == (name, datatype, 1):
            return output.data[0]
    raise WrongAnswer(f"it has no output '{name}' of the datatype {datatype} with one element")
