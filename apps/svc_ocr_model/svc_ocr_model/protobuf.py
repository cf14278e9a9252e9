"""Turn the protocol's protobuf messages into requests, and outputs into messages. No I/O.

A message holds its tensors in one of two forms: typed ``contents``, or ``raw`` bytes, in which each BYTES element
follows its length (4 bytes, little-endian). The answer has the form of the request.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import islice

from svc_ocr_model import open_inference_grpc_pb2 as pb
from svc_ocr_model.model import NAME, VERSION
from svc_ocr_model.tensors import MOST_ELEMENTS, Datatype, InferenceRequest, Input, Output, Refused

_LENGTH = struct.Struct("<I")


def request_of(message: pb.ModelInferRequest) -> InferenceRequest:
    """Return the request that ``message`` states. Raises Refused."""
    raw = message.raw_input_contents
    if raw and len(raw) != len(message.inputs):
        raise Refused(f"{len(message.inputs)} inputs, and {len(raw)} raw contents")
    inputs = tuple(
        Input(tensor.name, tensor.datatype, tuple(tensor.shape), _elements(tensor, raw[place] if raw else None))
        for place, tensor in enumerate(message.inputs)
    )
    return InferenceRequest(inputs, tuple(output.name for output in message.outputs))


def answer_of(outputs: Sequence[Output], id: str, *, raw: bool) -> pb.ModelInferResponse:
    """Return the message that holds the outputs, as raw bytes or typed."""
    tensors = [
        pb.ModelInferResponse.InferOutputTensor(
            name=output.name,
            datatype=output.datatype,
            shape=output.shape,
            contents=None if raw else _contents(output),
        )
        for output in outputs
    ]
    packed = list(map(_packed, outputs)) if raw else []
    return pb.ModelInferResponse(
        model_name=NAME, model_version=VERSION, id=id, outputs=tensors, raw_output_contents=packed
    )


def _elements(tensor: pb.ModelInferRequest.InferInputTensor, raw: bytes | None) -> Sequence[object]:
    """Return the elements of a BYTES tensor; no input of the model has another datatype."""
    if tensor.datatype != Datatype.BYTES:
        return ()
    if raw is None:
        return tensor.contents.bytes_contents
    return list(islice(_unpacked(tensor.name, raw), MOST_ELEMENTS + 1))


def _unpacked(name: str, raw: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(raw):
        end = start + _LENGTH.size
        if end <= len(raw):
            start, end = end, end + _LENGTH.unpack_from(raw, start)[0]
        if end > len(raw):
            raise Refused(f"input '{name}': its raw contents end within an element")
        yield raw[start:end]
        start = end


def _contents(output: Output) -> pb.InferTensorContents:
    texts = [element for element in output.data if isinstance(element, bytes)]
    numbers = [element for element in output.data if not isinstance(element, bytes)]
    return pb.InferTensorContents(bytes_contents=texts, fp32_contents=numbers)


def _packed(output: Output) -> bytes:
    return b"".join(
        _LENGTH.pack(len(element)) + element if isinstance(element, bytes) else struct.pack("<f", element)
        for element in output.data
    )
