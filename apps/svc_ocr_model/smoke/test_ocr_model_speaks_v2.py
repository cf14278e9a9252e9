"""Test that the built image of svc-ocr-model reads pages by the Open Inference Protocol V2, over REST and gRPC."""

from __future__ import annotations

import base64
import io
import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from slipway.testing.plugin import Container

LINES = ("Invoice 2041 for Harbour Lane", "Seven crates of green apples", "Total due: 318 euros")
MODEL = "/v2/models/ocr-model"
#: A client that needs only what the image has: it asks the gRPC service about the file that it reads from its words.
GRPC_CLIENT = """
import base64, sys, grpc
from svc_ocr_model import open_inference_grpc_pb2 as pb
channel = grpc.insecure_channel("127.0.0.1:8081")
def ask(name, request, answer):
    path = f"/inference.GRPCInferenceService/{name}"
    return channel.unary_unary(path, type(request).SerializeToString, answer.FromString)(request, timeout=30)
print(ask("ServerReady", pb.ServerReadyRequest(), pb.ServerReadyResponse).ready)
image = pb.ModelInferRequest.InferInputTensor(name="image", datatype="BYTES", shape=[1])
image.contents.bytes_contents.append(base64.b64decode(sys.argv[1]))
request = pb.ModelInferRequest(model_name="ocr-model", id="42", inputs=[image])
answer = ask("ModelInfer", request, pb.ModelInferResponse)
print(answer.id, answer.outputs[0].contents.bytes_contents[0].decode().split())
"""


#: Print how many processes of tesseract there are.
COUNT = """
from pathlib import Path
print(sum(file.read_text() == "tesseract\\n" for file in Path("/proc").glob("[0-9]*/comm")))
"""


def page(*lines: str, size: tuple[int, int] = (1240, 600)) -> Image.Image:
    """Return a white page at 150 dpi with ``lines`` in black."""
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        draw.text((120, 100 + 90 * row), line, fill=0, font=ImageFont.load_default(44))
    return image


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def request(*files: bytes, **changes: object) -> bytes:
    data = [base64.b64encode(file).decode() for file in files]
    image = {"name": "image", "shape": [len(data)], "datatype": "BYTES", "data": data}
    return json.dumps({"id": "42", "inputs": [image]} | changes).encode()


def infer(container: Container, *files: bytes, **changes: object) -> Any:
    return container.post(f"{MODEL}/infer", data=request(*files, **changes))


def until(holds: Callable[[], bool], *, seconds: float) -> bool:
    """Tell whether the condition holds within this time."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if holds():
            return True
        time.sleep(0.2)
    return False


def texts(answer: Any) -> list[list[str]]:
    """Return the words of each image in an answer."""
    assert answer.status_code == 200, answer.text
    text, confidence = answer.json()["outputs"]
    assert all(80 < value <= 100 for value in confidence["data"])
    return [base64.b64decode(element).decode().split() for element in text["data"]]


def test_the_server_and_the_model_are_ready(container: Container) -> None:
    for path in ("/v2", "/v2/health/live", "/v2/health/ready", MODEL, f"{MODEL}/ready", f"{MODEL}/versions/1/ready"):
        assert container.get(path).status_code == 200, path
    assert container.get(f"{MODEL}/versions/1").json()["versions"] == ["1"]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_a_drawn_page_is_read_back(container: Container, form: str) -> None:
    answer = infer(container, encoded(page(*LINES), form))
    assert texts(answer) == [" ".join(LINES).split()]
    assert answer.json()["id"] == "42"


def test_a_batch_is_read_in_its_order(container: Container) -> None:
    answer = infer(container, *(encoded(page(line)) for line in LINES))
    assert texts(answer) == [line.split() for line in LINES]


def test_pages_of_a_tiff_are_parted_by_form_feeds(container: Container) -> None:
    scan = encoded(page(LINES[0]), "TIFF", save_all=True, append_images=[page(LINES[1])])
    plain = [{"name": "text", "parameters": {"content_type": "str"}}]
    [text] = infer(container, scan, outputs=plain).json()["outputs"]
    assert text["data"] == ["\f".join(LINES[:2])]


def test_a_page_without_words_has_an_empty_text(container: Container) -> None:
    text, confidence = infer(container, encoded(page())).json()["outputs"]
    assert (text["data"], confidence["data"]) == ([""], [0.0])


@pytest.mark.parametrize(
    ("file", "status", "said"),
    [
        (b"PK\x03\x04 a zip archive", 422, "image 0: it is not a PNG, JPEG or TIFF"),
        (encoded(page(*LINES))[:900], 422, "image 0: the image is broken"),
        (encoded(Image.new("1", (10_000, 5000))), 422, "10000 × 5000 pixels, at most 40000000 are read"),
        (
            encoded(page(size=(60, 60)), "TIFF", save_all=True, append_images=[page(size=(60, 60))] * 10),
            422,
            "11 pages",
        ),
        (bytes(10_100_000), 413, "a body has at most"),
    ],
    ids=["zip", "cut", "pixels", "pages", "bytes"],
)
def test_other_files_are_refused_with_their_reason(container: Container, file: bytes, status: int, said: str) -> None:
    answer = infer(container, file)
    assert (answer.status_code, answer.json().keys(), said in answer.json()["error"]) == (status, {"error"}, True)


@pytest.mark.parametrize("size", [(40_000, 10), (10, 40_000), (1, 1), (20_000, 400)])
def test_a_picture_of_any_shape_is_read(container: Container, size: tuple[int, int]) -> None:
    assert infer(container, encoded(Image.new("L", size, 255))).status_code == 200


def test_errors_have_the_protocols_shape(container: Container) -> None:
    refused = [container.get("/nowhere"), container.get(f"{MODEL}/infer"), container.get("/v2/models/other")]
    refused.append(container.post(f"{MODEL}/infer", data="{"))
    assert [answer.status_code for answer in refused] == [404, 405, 404, 400]
    assert all(answer.json().keys() == {"error"} for answer in refused)


def test_grpc_reads_the_same(container: Container) -> None:
    file = base64.b64encode(encoded(page(LINES[1]))).decode()
    told = container.exec("python", "-c", GRPC_CLIENT, file)
    assert told.output.splitlines() == ["True", f"42 {LINES[1].split()}"], told.output


def test_the_tesseract_of_a_client_that_left_ends(container: Container) -> None:
    """Noise would keep tesseract busy for its whole time, 30 s."""
    body = request(encoded(Image.effect_noise((3000, 3000), 100)))
    host, _, port = container.address(8080).partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = f"POST {MODEL}/infer HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        assert until(lambda: container.exec("python", "-c", COUNT).output == "1\n", seconds=25)
    assert until(lambda: container.exec("python", "-c", COUNT).output == "0\n", seconds=20)


def test_kserve_is_not_in_the_image(container: Container) -> None:
    assert container.exec("python", "-c", "import kserve").exit_code == 1


def test_no_picture_is_left_behind(container: Container) -> None:
    infer(container, encoded(page(*LINES)))
    assert container.exec("ls", "-A", "/tmp").output == ""
