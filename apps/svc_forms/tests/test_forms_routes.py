"""Test the routes of svc-forms without a server. Its svc-extract is a small real server."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from svc_forms.main import Settings, create

from tests.services.described import DescribedClient

TEXT = "Invoice No. INV-7"
MONEY = {"kind": "amount", "value": "5", "text": "€5", "start": 0, "end": 2, "currency": "EUR"}
NUMBER = {"kind": "invoice_number", "value": "INV-7", "text": "INV-7", "start": 12, "end": 17}


class Extract(BaseHTTPRequestHandler):
    """Answer every request with ``answer``, one byte of it every ``pause`` seconds if there is a pause."""

    answer: tuple[int, object] = (200, {"findings": [NUMBER]})
    pause = 0.0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = self.answer
        self.send_response(status)
        self.end_headers()
        encoded = json.dumps(body).encode()
        step = 1 if self.pause else len(encoded)
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(encoded), step):
                self.wfile.write(encoded[start : start + step])
                time.sleep(self.pause)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def extract_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with HTTPServer(("127.0.0.1", 0), Extract) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/extract"
        server.shutdown()
        thread.join()


def client(url: str = "", seconds: float = 30) -> DescribedClient:
    return DescribedClient(create(Settings(extract_url=url, extract_seconds=seconds)))


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
        ({"text": "Invoice No. INV-8", "fields": [NUMBER]}, "fields[0]: its text is not at 12:17"),
        ({"fields": [NUMBER | {"kind": "amount"}]}, "a value is not of the kind 'amount'"),
        ({"fields": [NUMBER | {"kind": "date", "value": "yesterday"}]}, "a value is not of the kind 'date'"),
        ({"fields": [NUMBER | {"kind": "iban", "value": "nonsense"}]}, "a value is not of the kind 'iban'"),
        ({"fields": [MONEY | {"alternatives": ["abc"]}]}, "a value is not of the kind 'amount'"),
        ({"fields": [MONEY | {"value": "1" * 400}]}, "a value is not of the kind 'amount'"),
        ({"fields": [NUMBER | {"start": 18}]}, "'start' is after 'end'"),
        ({"fields": [{}] * 10_001}, "body.fields: List should have at most 10000 items"),
        ({"answers": {"amount": "EUR 1e300000000"}}, "is not an amount such as 'EUR 12.50'"),
        ({"answers": {"iban": "nonsense"}}, "is not an IBAN"),
        ({"answers": {"contact": "nope"}}, "is not an e-mail address"),
        ({"answers": {"approved_by": "x" * 501}}, "body.answers.approved_by: String should have at most 500"),
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


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ((422, {}), 422, "EXTRACT_URL refuses the text: 422"),
        ((413, {}), 422, "EXTRACT_URL refuses the text: 413"),
        ((503, {}), 503, "EXTRACT_URL is busy: 503"),
        ((200, {"findings": [MONEY] * 10_001}), 422, "the text has 10001 findings; a form is filled from 10000"),
        ((200, {"findings": ["x" * (8 << 20)]}), 502, "EXTRACT_URL answered more than 8388608 bytes"),
    ],
)
def test_a_text_that_svc_extract_does_not_read_is_explained(
    extract_url: str, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, object], status: int, said: str
) -> None:
    monkeypatch.setattr(Extract, "answer", answer)
    told = client(extract_url).post("/forms/payment-order/fill", json={"text": TEXT})
    assert (told.status_code, told.json()["detail"]) == (status, said)
    assert told.headers.get("retry-after") == ("5" if status == 503 else None)


def test_an_svc_extract_that_answers_slowly_is_a_504(extract_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test an answer whose bytes arrive one by one, each in time."""
    monkeypatch.setattr(Extract, "pause", 0.05)
    told = client(extract_url, seconds=0.2).post("/forms/payment-order/fill", json={"text": TEXT})
    assert (told.status_code, told.json()["detail"]) == (504, "EXTRACT_URL did not answer within 0.2 s")


def test_a_finding_of_a_kind_that_no_form_has_is_ignored() -> None:
    sent = {"fields": [NUMBER, NUMBER | {"kind": "colour", "value": "blue"}, NUMBER | {"kind": "text"}]}
    filled = client().post("/forms/payment-order/fill", json=sent).json()
    assert list(filled["values"]) == ["invoice_number"]


def test_an_svc_extract_that_is_away_is_a_502() -> None:
    told = client("http://127.0.0.1:9/extract").post("/forms/payment-order/fill", json={"text": TEXT})
    assert (told.status_code, told.json()["detail"]) == (502, "EXTRACT_URL cannot be reached: ConnectError")
