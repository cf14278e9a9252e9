"""Turn the protocol's JSON into requests, and outputs into JSON. No I/O.

JSON has no bytes: a BYTES element is a text of base64. A client may ask for plain text instead, by the parameter
``content_type`` of an output: "str". The answer states which of the two it holds.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import chain, islice
from typing import Annotated, Any, NotRequired

import orjson
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError
from typing_extensions import TypedDict  # pydantic reads typing's from Python 3.12 on

from servicekit.json_bodies import TooManyValues, parse
from servicekit.problems import describe
from svc_ocr_model.model import NAME, VERSION
from svc_ocr_model.tensors import MOST_ELEMENTS, Datatype, Element, InferenceRequest, Input, Output, Refused

Parameters = dict[str, StrictStr | StrictInt | StrictFloat | StrictBool]
Name = Annotated[str, Field(max_length=200)]

#: Triton's name for the length of the JSON before tensors that are sent as raw bytes.
BINARY_EXTENSION = "inference-header-content-length"


class ContentType(StrEnum):
    """How JSON holds the elements of a BYTES tensor."""

    BASE64 = "base64"
    STR = "str"


class Message(BaseModel):
    model_config = ConfigDict(strict=True)


class RequestInput(Message):
    name: Name
    shape: list[Annotated[int, Field(ge=0, lt=1 << 64)]] = Field(max_length=8)
    datatype: Name
    parameters: Parameters | None = None
    data: list[Any] = Field(max_length=MOST_ELEMENTS)


class RequestOutput(Message):
    name: Name
    parameters: Parameters | None = None


class Request(Message):
    """The protocol's ``$inference_request``."""

    id: str | None = Field(default=None, max_length=1000)
    parameters: Parameters | None = None
    inputs: list[RequestInput] = Field(max_length=16)
    outputs: list[RequestOutput] | None = Field(default=None, max_length=16)

    def content_types(self) -> dict[str, ContentType]:
        """Return how each named output is written. Raises Refused for an unknown content type."""
        asked = {output.name: (output.parameters or {}).get("content_type") for output in self.outputs or ()}
        for name, wanted in asked.items():
            if wanted not in (None, *ContentType):
                raise Refused(f"output '{name}': content_type is 'base64' or 'str', not '{wanted}'")
        return {name: ContentType(str(wanted)) for name, wanted in asked.items() if wanted}


class ResponseOutput(TypedDict):
    """The protocol's ``$response_output``. ``parameters`` state how a BYTES tensor is written."""

    name: str
    shape: Sequence[int]
    datatype: Datatype
    parameters: NotRequired[dict[str, ContentType]]
    data: list[str | float]


class InferenceResponse(TypedDict):
    """The protocol's ``$inference_response``."""

    model_name: str
    model_version: str
    id: str
    outputs: list[ResponseOutput]


def request_schema() -> Any:
    """Return the JSON schema of a request, for the OpenAPI document: without references, which would lead nowhere."""
    schema = Request.model_json_schema()
    definitions = schema.pop("$defs")

    def resolved(node: Any) -> Any:
        if isinstance(node, list):
            return list(map(resolved, node))
        if not isinstance(node, dict):
            return node
        if reference := node.get("$ref"):
            return resolved(definitions[reference.rpartition("/")[2]])
        return {key: resolved(value) for key, value in node.items()}

    return resolved(schema)


def parse_request(body: bytes) -> Request:
    """Return the request in ``body``, which is strict JSON. Raises Refused."""
    try:
        return Request.model_validate(parse(body))
    except TooManyValues as error:
        raise Refused(str(error)) from error
    except orjson.JSONDecodeError as error:
        raise Refused(f"the body is not JSON: {error}") from error
    except ValidationError as error:
        raise Refused(describe(error.errors(include_input=False, include_url=False))) from error


def request_of(message: Request) -> InferenceRequest:
    """Return the request that ``message`` states. Raises Refused."""
    inputs = tuple(
        Input(tensor.name, tensor.datatype, tuple(tensor.shape), _elements(tensor)) for tensor in message.inputs
    )
    return InferenceRequest(inputs, tuple(output.name for output in message.outputs or ()))


def answer_of(outputs: Sequence[Output], id: str, written: Mapping[str, ContentType]) -> InferenceResponse:
    """Return the answer with these outputs. ``written``: the outputs that are not in base64."""
    tensors = [_tensor(output, written.get(output.name, ContentType.BASE64)) for output in outputs]
    return {"model_name": NAME, "model_version": VERSION, "id": id, "outputs": tensors}


def _elements(tensor: RequestInput) -> list[object]:
    """Return the elements of a tensor, which may be nested as its shape says, or flat."""
    data = tensor.data
    for _ in tensor.shape[1:]:
        if data and all(isinstance(row, list) for row in data):
            data = list(islice(chain.from_iterable(data), MOST_ELEMENTS + 1))
    if tensor.datatype != Datatype.BYTES:
        return data
    return [element.encode() if isinstance(element, str) else element for element in data]


def _tensor(output: Output, written: ContentType) -> ResponseOutput:
    tensor: ResponseOutput = {
        "name": output.name,
        "shape": output.shape,
        "datatype": output.datatype,
        "parameters": {"content_type": written},
        "data": [_element(element, written) for element in output.data],
    }
    if output.datatype is not Datatype.BYTES:
        del tensor["parameters"]
    return tensor


def _element(element: Element, written: ContentType) -> str | float:
    if not isinstance(element, bytes):
        return element
    return element.decode() if written is ContentType.STR else base64.b64encode(element).decode()
