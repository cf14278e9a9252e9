"""Test that the running service fills forms, alone and together with svc-extract."""

from __future__ import annotations

from slipway.testing.plugin import Container, Stack

TEXT = "Invoice No. INV-7 of 3 March 2026\nTotal 1.190,00 €\nIBAN DE89 3704 0044 0532 0130 00\n"


def found(kind: str, text: str, value: str, **rest: object) -> dict[str, object]:
    return {"kind": kind, "text": text, "value": value, "start": 0, "end": len(text), **rest}


def test_the_catalogue_is_served(container: Container) -> None:
    listed = container.get("/forms").json()["forms"]
    assert {form["id"] for form in listed} >= {"payment-order", "travel-expense-claim"}
    order = container.get("/forms/payment-order").json()
    assert order["title"] == "Invoice payment order"
    assert "iban" in [field["id"] for field in order["fields"]]


def test_fields_fill_a_form_and_the_answer_lists_conflicts(container: Container) -> None:
    fields = [
        found("invoice_number", "INV-7", "INV-7"),
        found("amount", "€5", "5", currency="EUR"),
        found("amount", "$5", "5", currency="USD"),
    ]
    filled = container.post("/forms/payment-order/fill", json={"fields": fields}).json()
    assert filled["values"]["invoice_number"]["source"] == {"text": "INV-7", "start": 0, "end": 5}
    assert [candidate["currency"] for candidate in filled["conflicts"]["amount"]] == ["EUR", "USD"]
    assert filled["missing"] == ["invoice_date", "iban", "approved_by"]
    assert filled["complete"] is False


def test_the_page_escapes_foreign_text(container: Container) -> None:
    answers = {"approved_by": "<script>alert(1)</script>"}
    page = container.post("/forms/payment-order/render", json={"answers": answers})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script>" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    plain = container.post("/forms/payment-order/render", params={"format": "text"}, json={"answers": answers})
    assert plain.text.startswith("Invoice payment order\n")


def test_bad_requests_say_why(container: Container) -> None:
    unknown = container.post("/forms/nothing/fill", json={"answers": {"a": "b"}})
    assert unknown.status_code == 404
    assert "payment-order" in unknown.json()["detail"]
    nothing = container.post("/forms/payment-order/fill", json={})
    assert (nothing.status_code, nothing.json()["detail"]) == (422, "send 'fields', 'text' or 'answers'")
    untrue = {"text": TEXT, "fields": [found("invoice_number", "INV-8", "INV-8")]}
    refused = container.post("/forms/payment-order/fill", json=untrue)
    assert (refused.status_code, refused.json()["detail"]) == (422, "fields[0]: its text is not at 0:5")
    no_number = {"fields": [found("amount", "€5", "five")]}
    assert container.post("/forms/payment-order/fill", json=no_number).status_code == 422
    alone = container.post("/forms/payment-order/fill", json={"text": TEXT})
    assert alone.status_code == 422
    assert "EXTRACT_URL is not set" in alone.json()["detail"]


def test_text_is_read_by_svc_extract(stack: Stack) -> None:
    stack.start("svc-extract")
    forms = stack.start("svc-forms", env={"EXTRACT_URL": "http://svc-extract:8080/extract"})
    request = {"text": TEXT, "answers": {"approved_by": "Ada"}}
    filled = forms.post("/forms/payment-order/fill", json=request).json()
    assert filled["complete"] is True
    assert {name: entry["value"] for name, entry in filled["values"].items()} == {
        "approved_by": "Ada",
        "invoice_number": "INV-7",
        "invoice_date": "2026-03-03",
        "amount": "1190.00",
        "iban": "DE89370400440532013000",
    }
    source = filled["values"]["amount"]["source"]
    assert TEXT[source["start"] : source["end"]] == "1.190,00 €"


def test_a_deaf_svc_extract_is_a_502_with_its_reason(stack: Stack) -> None:
    forms = stack.start("svc-forms", env={"EXTRACT_URL": "http://127.0.0.1:9/extract"})
    reply = forms.post("/forms/payment-order/fill", json={"text": TEXT})
    assert reply.status_code == 502
    assert reply.json()["detail"] == "EXTRACT_URL cannot be reached: ConnectError"
    assert "httpx.ConnectError: All connection attempts failed" in forms.logs(), "the log has the cause"
