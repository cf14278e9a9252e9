"""The gateway writes requests of the protocol piece by piece, and believes no answer that is another's."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from svc_ocr_gateway.inference import Question, Reading, WrongAnswer, reading_of, reason_of


def answer(**changes: Any) -> dict[str, Any]:
    text = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode("für €5".encode()).decode()]}
    confidence = {"name": "confidence", "shape": [1], "datatype": "FP32", "data": [96.5]}
    return {"model_name": "ocr-model", "id": "7", "outputs": [text, confidence]} | changes


def output(answer: dict[str, Any], place: int, **changes: Any) -> dict[str, Any]:
    answer["outputs"][place] |= changes
    return answer


@pytest.mark.parametrize("size", [0, 1, 2, 3, 1000, (3 << 18) - 1, 3 << 18, (3 << 18) + 1, 2_000_000])
def test_a_request_is_as_long_as_announced_and_holds_the_file_in_base64(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    question = Question(io.BytesIO(data[:size]), size, "7")
    body = b"".join(question.pieces())
    assert len(body) == question.length
    request = json.loads(body)
    assert (request["id"], [output["name"] for output in request["outputs"]]) == ("7", ["text", "confidence"])
    [image] = request["inputs"]
    assert base64.b64decode(image.pop("data")[0], validate=True) == data[:size]
    assert image == {"name": "image", "shape": [1], "datatype": "BYTES"}


def test_a_large_file_is_never_whole_in_memory() -> None:
    question = Question(io.BytesIO(bytes(5_000_000)), 5_000_000, "7")
    assert max(map(len, question.pieces())) == 1 << 20


def test_an_answer_holds_a_reading() -> None:
    assert reading_of(json.dumps(answer()).encode(), "7") == Reading("für €5", 96.5)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is not JSON"),
        (b"<html>", "it is not JSON"),
        ([], "it is not an answer of the Open Inference Protocol V2"),
        ({}, "it is not an answer of the Open Inference Protocol V2"),
        (answer(outputs=[]), "it has no output 'text'"),
        (answer(id="8"), "it is the answer to another request"),
        (output(answer(), 0, data=[]), "it has no output 'text'"),
        (output(answer(), 0, data=["a", "b"]), "it has no output 'text'"),
        (output(answer(), 0, datatype="FP32"), "it has no output 'text' of the datatype BYTES"),
        (output(answer(), 1, name="score"), "it has no output 'confidence'"),
        (output(answer(), 0, data=["not base64!"]), "its output 'text' is not base64 of a text"),
        (output(answer(), 0, data=[5]), "its output 'text' is not base64 of a text"),
        (output(answer(), 0, data=[base64.b64encode(b"\xff").decode()]), "its output 'text' is not base64 of a text"),
        (output(answer(), 1, data=["high"]), "its output"),
    ],
)
def test_another_answer_is_wrong(content: object, said: str) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(WrongAnswer, match=said):
        reading_of(body, "7")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"error": "image 0: it is not a PNG"}', "image 0: it is not a PNG"),
        (b'{"error": 5}', ""),
        (b'{"detail": "x"}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (json.dumps({"error": "x" * 600}).encode(), "x" * 500),
    ],
)
def test_the_reason_of_an_error_is_read(body: bytes, reason: str) -> None:
    assert reason_of(body) == reason
