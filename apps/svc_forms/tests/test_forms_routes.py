"""Test the routes of svc-forms without a server. Its svc-extract is a small real server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from fastapi.testclient import TestClient
from svc_forms.main import Settings, create

TEXT = "Invoice No. INV-7"
NUMBER = {"kind": "invoice_number", "value": "INV-7", "text": "INV-7", "start": 12, "end": 17}


class Extract(BaseHTTPRequestHandler):
    """Answer every request with ``answer``."""

    answer: tuple[int, object] = (200, {"findings": [NUMBER]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = self.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def extract_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with HTTPServer(("127.0.0.1", 0), Extract) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/extract"
        server.shutdown()
        thread.join()


def client(url: str = "") -> TestClient:
    return TestClient(create(Settings(extract_url=url)))


def test_the_catalogue_is_served() -> None:
    listed = client().get("/forms").json()["forms"]
    assert "payment-order" in [form["id"] for form in listed]
    assert client().get("/forms/payment-order").json()["title"] == "Invoice payment order"
    unknown = client().get("/forms/nothing")
    assert (unknown.status_code, "payment-order" in unknown.json()["detail"]) == (404, True)


def test_fields_fill_a_form() -> None:
    filled = client().post("/forms/payment-order/fill", json={"fields": [NUMBER], "text": TEXT}).json()
    assert filled["values"]["invoice_number"] == {"value": "INV-7", "source": {"text": "INV-7", "start": 12, "end": 17}}


def test_a_page_runs_nothing() -> None:
    sent = {"answers": {"approved_by": "<script>alert(1)</script>"}}
    page = client().post("/forms/payment-order/render", json=sent)
    assert "<script>" not in page.text and "default-src 'none'" in page.headers["content-security-policy"]
    plain = client().post("/forms/payment-order/render", params={"format": "text"}, json=sent)
    assert plain.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "send 'fields', 'text' or 'answers'"),
        ({"text": TEXT}, "EXTRACT_URL is not set"),
        ({"answers": {"aproved_by": "Ada"}}, "did you mean 'approved_by'?"),
        ({"text": "Invoice No. INV-8", "fields": [NUMBER]}, "fields[0]: 'INV-7' is not at 12:17"),
        ({"fields": [NUMBER | {"kind": "amount"}]}, "'INV-7' is not a decimal number"),
        ({"fields": [NUMBER | {"start": -1}]}, "body.fields.0.start"),
    ],
)
def test_a_bad_request_says_why(body: dict[str, Any], said: str) -> None:
    answer = client().post("/forms/payment-order/fill", json=body)
    assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.text


def test_text_is_read_by_svc_extract(extract_url: str) -> None:
    filled = client(extract_url).post("/forms/payment-order/fill", json={"text": TEXT}).json()
    assert filled["values"]["invoice_number"]["value"] == "INV-7"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, {}), "EXTRACT_URL answered 500"),
        ((200, {"found": []}), "EXTRACT_URL answered no findings"),
        ((200, {"findings": [{"kind": "iban"}]}), "EXTRACT_URL answered findings of another shape"),
    ],
)
def test_a_wrong_answer_of_svc_extract_is_a_502(
    extract_url: str, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, object], said: str
) -> None:
    monkeypatch.setattr(Extract, "answer", answer)
    told = client(extract_url).post("/forms/payment-order/fill", json={"text": TEXT})
    assert (told.status_code, told.json()["detail"]) == (502, said)
    assert "127.0.0.1" not in told.text


def test_an_svc_extract_that_is_away_is_a_502() -> None:
    told = client("http://127.0.0.1:9/extract").post("/forms/payment-order/fill", json={"text": TEXT})
    assert (told.status_code, told.json()["detail"]) == (502, "EXTRACT_URL cannot be reached: ConnectError")
