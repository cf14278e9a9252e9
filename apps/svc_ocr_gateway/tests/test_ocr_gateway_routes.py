"""Test ``POST /read`` without a server. The model service is a small real server on loopback."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from svc_ocr_gateway.main import Settings, create

from tests.services.described import DescribedClient

PNG = b"\x89PNG\r\n\x1a\n and the rest of an image"
Reply = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]


@dataclass
class Model:
    """A model service whose ``reply`` a test chooses. It keeps the requests and their X-Request-ID."""

    url: str = ""
    reply: Reply | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)


def answered(handler: BaseHTTPRequestHandler, status: int, content: object, **headers: str) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def reads(handler: BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
    """Answer the number of bytes of the image."""
    size = len(base64.b64decode(request["inputs"][0]["data"][0]))
    text = base64.b64encode(f"{size} bytes".encode()).decode()
    outputs = [
        {"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]},
        {"name": "confidence", "shape": [1], "datatype": "FP32", "data": [96.54]},
    ]
    answered(handler, 200, {"model_name": "ocr-model", "id": request["id"], "outputs": outputs})


@pytest.fixture
def model() -> Iterator[Model]:
    served = Model(reply=reads)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            served.asked.append(request)
            served.ids.append(self.headers["X-Request-ID"])
            if served.reply:
                served.reply(self, request)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        served.url = f"http://127.0.0.1:{server.server_port}/v2/models/ocr-model/infer"
        yield served
        server.shutdown()
        thread.join()


def client(url: str = "http://127.0.0.1:9/infer", **settings: Any) -> DescribedClient:
    return DescribedClient(create(Settings(kserve_url=url, max_bytes=100_000, **settings)))  # type: ignore[arg-type]


def send(gateway: DescribedClient, data: bytes = PNG) -> Any:
    return gateway.post("/read", files={"file": ("a.png", data)}, headers={"X-Request-ID": "abc"})


def test_the_text_of_an_image_is_answered(model: Model) -> None:
    answer = send(client(model.url))
    assert (answer.status_code, answer.json()) == (200, {"text": f"{len(PNG)} bytes", "confidence": 96.5})
    assert [request["id"] for request in model.asked] == model.ids == ["abc"]


def test_the_model_service_has_a_name_of_its_own_by_default() -> None:
    assert str(Settings().kserve_url) == "http://ocr-model-service:8080/v2/models/ocr-model/infer"


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"PK\x03\x04 a zip archive", 415, "the file is not a PNG, JPEG or TIFF"),
        (b"%PDF-1.7", 415, "the file is not a PNG, JPEG or TIFF"),
        (PNG[:8] + bytes(100_000), 413, "MAX_BYTES"),
        (PNG + bytes(200_000), 413, "a body has at most"),
        (b"", 422, "empty"),
    ],
    ids=["zip", "pdf", "file", "body", "empty"],
)
def test_a_file_is_checked_before_the_model_service_is_asked(model: Model, data: bytes, status: int, said: str) -> None:
    answer = send(client(model.url), data)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert not model.asked


def sleeps(handler: BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
    time.sleep(0.5)


def trickles(handler: BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(10):
        handler.wfile.write(b" ")
        time.sleep(0.05)


@pytest.mark.parametrize("reply", [sleeps, trickles])
def test_a_slow_model_service_is_a_504(model: Model, reply: Reply) -> None:
    model.reply = reply
    answer = send(client(model.url, kserve_seconds=0.2))
    told = "the model service did not answer within 0.2 s"
    assert (answer.status_code, answer.json()["detail"]) == (504, told)


def test_a_model_service_that_is_down_is_a_502() -> None:
    answer = send(client())
    told = "the model service cannot be reached: ConnectError"
    assert (answer.status_code, answer.json()["detail"]) == (502, told)


def test_a_model_service_that_breaks_the_connection_is_a_502(model: Model) -> None:
    model.reply = None
    answer = send(client(model.url))
    assert (answer.status_code, answer.json()["detail"]) == (
        502,
        "the model service cannot be reached: RemoteProtocolError",
    )


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (500, {"error": "internal"}, "the model service answered 500"),
        (404, {"error": "no model"}, "the model service answered 404"),
        (422, b"<html>", "the model service answered 422"),
        (302, b"", "the model service answered 302"),
        (200, b"<html>", "the model service's answer is wrong: it is not JSON"),
        (200, {"outputs": []}, "the model service's answer is wrong: it is the answer to another request"),
        (200, b" " * (9 << 20), "the model service's answer has more than 8388608 bytes"),
    ],
)
def test_a_wrong_model_service_is_a_502(model: Model, status: int, content: object, said: str) -> None:
    model.reply = lambda handler, request: answered(handler, status, content, Location="http://127.0.0.1:9/")
    answer = send(client(model.url))
    assert (answer.status_code, answer.json()["detail"]) == (502, said)
    assert "127.0.0.1" not in answer.text


def test_an_image_that_the_model_service_cannot_read_is_a_422_with_its_reason(model: Model) -> None:
    model.reply = lambda handler, request: answered(handler, 422, {"error": "image 0: the image is broken"})
    answer = send(client(model.url))
    assert (answer.status_code, answer.json()["detail"]) == (422, "image 0: the image is broken")


def test_a_busy_model_service_is_a_503_with_the_time_to_wait(model: Model) -> None:
    model.reply = lambda handler, request: answered(handler, 503, {"error": "all 32 places are taken"})
    answer = send(client(model.url))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_a_request_without_a_place_is_refused(model: Model) -> None:
    gateway = client(model.url, max_requests=1)
    inner: list[Any] = []

    def asks_again(handler: BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
        inner.append(send(gateway))
        reads(handler, request)

    model.reply = asks_again
    assert send(gateway).status_code == 200
    [refused] = inner
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")


def test_an_address_that_is_not_one_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from svc_ocr_gateway.main import app

    monkeypatch.setenv("KSERVE_URL", "ocr-model-service:8080")
    with pytest.raises(SystemExit, match="KSERVE_URL"):
        app()
