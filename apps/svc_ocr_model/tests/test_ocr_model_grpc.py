"""Test the gRPC service on loopback without tesseract, and its messages against the published proto."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import anyio
import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc
from svc_ocr_model import open_inference_grpc_pb2 as pb
from svc_ocr_model.grpc_server import serving
from svc_ocr_model.model import Reading
from svc_ocr_model.service import Service

from ocrkit.unreadable import Unreadable
from servicekit.places import Places

SERVICE = Path(__file__).parents[1]
METHODS = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name
PNG = b"\x89PNG\r\n\x1a\n"
EMPTY = pb.ModelInferRequest.InferInputTensor()
T = TypeVar("T")
Ask = Callable[[str, Message], Awaitable[Any]]


async def read(files: Sequence[bytes]) -> list[Reading]:
    """Read each file as its number of bytes."""
    if b"" in files:
        raise Unreadable("image 0: it is not a PNG, JPEG or TIFF")
    if len(files) > 2:
        raise RuntimeError("hunter2")
    return [Reading(f"{len(file)} bytes, für €5", 96.5) for file in files]


def with_server(work: Callable[[Ask], Awaitable[T]], places: int = 5, ready: bool = True) -> T:
    """Return the result of ``work``, which asks a server on loopback."""

    def check() -> None:
        if not ready:
            raise RuntimeError("no language")

    async def main() -> T:
        service = Service(read, Places(places), check)
        async with (
            serving(service, "127.0.0.1:0", max_bytes=100_000, max_calls=10) as port,
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):

            async def ask(name: str, request: Message) -> Any:
                reader = GetMessageClass(METHODS[name].output_type).FromString
                path = f"/inference.GRPCInferenceService/{name}"
                call = channel.unary_unary(path, type(request).SerializeToString, reader)
                return await call(request, timeout=5)

            return await work(ask)

    return anyio.run(main)


def asked_once(name: str, request: Message, **server: Any) -> Any:
    return with_server(lambda ask: ask(name, request), **server)


def request(*elements: bytes, raw: bytes | None = None, **changes: Any) -> pb.ModelInferRequest:
    """Return a request with typed contents, or with ``raw`` ones."""
    fields: dict[str, Any] = {"name": "image", "datatype": "BYTES", "shape": [len(elements)]} | changes
    if raw is None:
        fields["contents"] = pb.InferTensorContents(bytes_contents=elements)
    tensor = pb.ModelInferRequest.InferInputTensor(**fields)
    raws = [] if raw is None else [raw]
    return pb.ModelInferRequest(model_name="ocr-model", id="42", inputs=[tensor], raw_input_contents=raws)


def packed(*elements: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def test_the_messages_are_made_of_the_published_proto(tmp_path: Path) -> None:
    made = [f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", "open_inference_grpc.proto"]
    assert protoc.main(["protoc", f"-I{SERVICE / 'protocol'}", *made]) == 0
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (SERVICE / "svc_ocr_model" / path.name).read_bytes(), "run: nox -s protocol"
    assert len(list(tmp_path.iterdir())) == 2


def test_the_server_and_the_model_describe_themselves() -> None:
    async def work(ask: Ask) -> None:
        assert (await ask("ServerLive", pb.ServerLiveRequest())).live
        assert (await ask("ServerReady", pb.ServerReadyRequest())).ready
        assert (await ask("ModelReady", pb.ModelReadyRequest(name="ocr-model", version="1"))).ready
        server = await ask("ServerMetadata", pb.ServerMetadataRequest())
        assert (server.name, server.version, list(server.extensions)) == ("svc-ocr-model", "1", [])
        model = await ask("ModelMetadata", pb.ModelMetadataRequest(name="ocr-model"))
        assert (model.name, list(model.versions), model.platform) == ("ocr-model", ["1"], "tesseract_traineddata")
        assert [(one.name, one.datatype, list(one.shape)) for one in [*model.inputs, *model.outputs]] == [
            ("image", "BYTES", [-1]),
            ("text", "BYTES", [-1]),
            ("confidence", "FP32", [-1]),
        ]

    with_server(work)


def test_a_model_that_cannot_read_is_alive_and_not_ready() -> None:
    async def work(ask: Ask) -> None:
        assert (await ask("ServerLive", pb.ServerLiveRequest())).live
        assert not (await ask("ServerReady", pb.ServerReadyRequest())).ready
        assert not (await ask("ModelReady", pb.ModelReadyRequest(name="ocr-model"))).ready

    with_server(work, ready=False)


@pytest.mark.parametrize("sent", [PNG, b"iVBORw0KGgo="], ids=["as-it-is", "base64"])
def test_typed_contents_are_answered_typed(sent: bytes) -> None:
    answer = asked_once("ModelInfer", request(sent, PNG))
    assert (answer.model_name, answer.model_version, answer.id) == ("ocr-model", "1", "42")
    text, confidence = answer.outputs
    assert list(text.contents.bytes_contents) == ["8 bytes, für €5".encode()] * 2
    assert (text.name, text.datatype, list(text.shape)) == ("text", "BYTES", [2])
    assert (confidence.datatype, list(confidence.contents.fp32_contents)) == ("FP32", [96.5, 96.5])
    assert not answer.raw_output_contents


def test_raw_contents_are_answered_raw() -> None:
    answer = asked_once("ModelInfer", request(PNG, PNG, raw=packed(PNG, PNG)))
    text = "8 bytes, für €5".encode()
    assert list(answer.raw_output_contents) == [packed(text, text), struct.pack("<2f", 96.5, 96.5)]
    assert not answer.outputs[0].HasField("contents")


def test_only_the_outputs_that_were_asked_for_are_answered() -> None:
    wanted = request(PNG)
    wanted.outputs.add(name="confidence")
    assert [output.name for output in asked_once("ModelInfer", wanted).outputs] == ["confidence"]


def test_an_inference_without_an_id_gets_one() -> None:
    without = request(PNG)
    without.ClearField("id")
    assert len(asked_once("ModelInfer", without).id) == 32


def with_field(**fields: Any) -> pb.ModelInferRequest:
    changed = request(PNG)
    changed.MergeFrom(pb.ModelInferRequest(**fields))
    return changed


@pytest.mark.parametrize(
    ("wanted", "code", "said"),
    [
        (with_field(model_name="other"), grpc.StatusCode.NOT_FOUND, "model 'other' not found"),
        (with_field(model_version="2"), grpc.StatusCode.NOT_FOUND, "no version '2'"),
        (request(PNG, shape=[2]), grpc.StatusCode.INVALID_ARGUMENT, "has 2 elements, the data 1"),
        (request(PNG, shape=[-1]), grpc.StatusCode.INVALID_ARGUMENT, "the shape is [n] or [n, 1]"),
        (request(PNG, datatype="FP32"), grpc.StatusCode.INVALID_ARGUMENT, "the datatype is BYTES"),
        (request(*[PNG] * 257), grpc.StatusCode.INVALID_ARGUMENT, "more than 256 elements"),
        (request(PNG, raw=packed(PNG) * 1000), grpc.StatusCode.INVALID_ARGUMENT, "more than 256 elements"),
        (request(PNG, raw=packed(PNG)[:-1]), grpc.StatusCode.INVALID_ARGUMENT, "end within an element"),
        (request(PNG, raw=b"\x01\x00"), grpc.StatusCode.INVALID_ARGUMENT, "end within an element"),
        (request(PNG, raw=b"\xff\xff\xff\xff"), grpc.StatusCode.INVALID_ARGUMENT, "end within an element"),
        (with_field(raw_input_contents=[b"", b""]), grpc.StatusCode.INVALID_ARGUMENT, "1 inputs, and 2 raw contents"),
        (request(b"\xffnot base64"), grpc.StatusCode.INVALID_ARGUMENT, "element 0 is not base64"),
        (request(b""), grpc.StatusCode.INVALID_ARGUMENT, "image 0: it is not a PNG, JPEG or TIFF"),
        (request(PNG * 20_000), grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max"),
        (with_field(inputs=[EMPTY] * 10_000), grpc.StatusCode.INVALID_ARGUMENT, "at most 10000 fields"),
        (request(PNG, PNG, PNG), grpc.StatusCode.INTERNAL, "internal error; the service's log has it"),
    ],
)
def test_a_bad_call_is_refused_with_its_reason(wanted: Message, code: grpc.StatusCode, said: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        asked_once("ModelInfer", wanted)
    assert (caught.value.code(), said in str(caught.value.details())) == (code, True), caught.value
    assert "hunter2" not in str(caught.value.details())


def test_a_call_without_a_place_is_refused() -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        asked_once("ModelInfer", request(PNG), places=0)
    assert (caught.value.code(), "places are taken" in str(caught.value.details())) == (
        grpc.StatusCode.UNAVAILABLE,
        True,
    )
