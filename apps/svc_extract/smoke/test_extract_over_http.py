"""Test that the running service finds the values of an invoice, and explains a bad request."""

from __future__ import annotations

from decimal import Decimal

from slipway.testing.plugin import Container

TEXT = "Invoice No. INV-2026-0042 of 04/03/2026: 1.234,56 € to DE89 3704 0044 0532 0130 00. – Grüße"


def test_an_invoice_is_read(container: Container) -> None:
    reply = container.post("/extract", json={"text": TEXT})
    assert reply.status_code == 200
    findings = reply.json()["findings"]
    assert [(found["kind"], found["value"]) for found in findings] == [
        ("invoice_number", "INV-2026-0042"),
        ("date", "2026-03-04"),
        ("amount", "1234.56"),
        ("iban", "DE89370400440532013000"),
    ]
    assert all(TEXT[found["start"] : found["end"]] == found["text"] for found in findings)
    number, date, amount, iban = findings
    assert date["ambiguous"] and date["alternatives"] == ["2026-04-03"]
    assert Decimal(amount["value"]) == Decimal("1234.56") and amount["currency"] == "EUR"
    assert iban["valid"] and not number["ambiguous"]


def test_a_page_of_digits_is_answered_quickly(container: Container) -> None:
    reply = container.post("/extract", json={"text": "1 234.567,89 " * 20_000}, timeout=20)
    assert reply.status_code == 200
    assert reply.json() == {"findings": []}


def test_bad_requests_say_why(container: Container) -> None:
    empty = container.post("/extract", json={"text": "  "})
    assert (empty.status_code, empty.json()["detail"]) == (422, "the text is empty")
    missing = container.post("/extract", json={"txt": "x"})
    assert missing.status_code == 422
    assert missing.json()["detail"] == "body.text: Field required"
    long = container.post("/extract", json={"text": "x" * 1_000_001})
    assert long.status_code == 413
    assert "MAX_CHARACTERS" in long.json()["detail"]


def test_metrics_count_each_request(container: Container) -> None:
    container.post("/extract", json={"text": "EUR 1"})
    assert 'http_requests_total{method="POST",path="/extract",status="200"}' in container.get("/metrics").text
