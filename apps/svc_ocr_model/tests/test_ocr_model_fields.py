"""Test that a protobuf message has a bounded number of fields, which are counted before it is parsed."""

from __future__ import annotations

import time
from typing import Any

import pytest
from google.protobuf.message import Message
from svc_ocr_model import open_inference_grpc_pb2 as pb
from svc_ocr_model.fields import MOST_FIELDS, count, parse
from svc_ocr_model.tensors import Refused

Infer = pb.ModelInferRequest
Tensor = Infer.InferInputTensor
Contents = pb.InferTensorContents


def counted(message: Message) -> int:
    return count(message.SerializeToString(), type(message))


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (Infer(), 0),
        (Infer(model_name="ocr-model", id="42"), 2),
        (Infer(raw_input_contents=[b"", b"a"]), 2),
        (Infer(inputs=[Tensor(), Tensor(name="image", shape=[1, 2, 3])]), 2 + 1 + 1 + 3),
        (Infer(inputs=[Tensor(contents=Contents(bytes_contents=[b"\x0a\x00" * 9] * 5))]), 1 + 1 + 5),
        (Infer(inputs=[Tensor(contents=Contents(fp32_contents=[1.0] * 5))]), 1 + 1 + 1 + 4 * 5),
        (Infer(parameters={"a": pb.InferParameter(int64_param=300)}), 1 + 2 + 1),
    ],
)
def test_fields_and_packed_numbers_are_counted_in_all_messages(message: Infer, fields: int) -> None:
    assert counted(message) == fields
    assert parse(Infer, message.SerializeToString()) == message


def many(size: int) -> dict[str, Infer]:
    contents: dict[str, Any] = {"bytes_contents": [b""] * size, "int64_contents": [0] * size}
    return {
        "inputs": Infer(inputs=[Tensor()] * size),
        "raw": Infer(raw_input_contents=[b""] * size),
        "shape": Infer(inputs=[Tensor(shape=[0] * size)]),
        "parameters": Infer(parameters={f"{one}": pb.InferParameter() for one in range(size)}),
        **{name: Infer(inputs=[Tensor(contents=Contents(**{name: value}))]) for name, value in contents.items()},
    }


@pytest.mark.parametrize("name", many(0))
def test_a_message_of_too_many_fields_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="at most 10000 fields"):
        parse(Infer, many(MOST_FIELDS + 1)[name].SerializeToString())


@pytest.mark.parametrize("body", [b"\xff", b"\xff" * 1_000_000, b"\x2a\x05", b"\x2f", b"\x2a\xff\xff\xff\xff\x0f"])
def test_bytes_that_are_not_a_message_are_refused(body: bytes) -> None:
    began = time.perf_counter()
    with pytest.raises(Refused, match="not a message of the protocol"):
        parse(Infer, body)
    assert time.perf_counter() - began < 1
