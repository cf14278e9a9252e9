"""Test five services on one network, from a drawn invoice to the answer of a question."""

from __future__ import annotations

import io
import time
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from slipway.testing.plugin import Container, Stack

INVOICE = (
    "Harbour Lane Cooperative",
    "Invoice No. INV-2026-0042",
    "Date: 14 March 2026",
    "Seven crates of green apples",
    "Total due: EUR 318.50",
)
OTHERS = {
    "minutes": "Minutes of the board. The roof of the warehouse is to be repaired before winter.",
    "manual": "To descale the coffee machine, fill the tank with vinegar and water and run it twice.",
    "letter": "Dear colleagues, the summer party takes place in the garden behind the canteen.",
}
DELIVERY_SECONDS = 60


def test_an_invoice_is_taken_in_read_understood_indexed_and_found(stack: Stack) -> None:
    stack.start("svc-ocr")
    ingestion = stack.start("svc-ingestion", env={"FORWARD_URL": "http://svc-ocr:8080/read"})
    extract = stack.start("svc-extract")
    indexer = stack.start("svc-rag-indexer", volumes={"index": "/data"})
    retriever = stack.start("svc-rag-retriever", volumes={"index": "/data"})

    taken = ingestion.post("/documents", files={"file": ("invoice.png", page(INVOICE), "image/png")})
    assert taken.status_code == 201, taken.text
    read = delivered(ingestion, taken.json()["id"])
    text = read["text"]
    assert text.split() == " ".join(INVOICE).split()

    findings = extract.post("/extract", json={"text": text}).json()["findings"]
    found = {finding["kind"]: finding["value"] for finding in findings}
    assert found == {"invoice_number": "INV-2026-0042", "date": "2026-03-14", "amount": "318.50"}

    for name, other in OTHERS.items():
        index(indexer, name, text=other)
    index(indexer, "invoice", source="invoice.png", pages=read["pages"])
    reply = retriever.post("/search", json={"query": "Who sold us fruit, and what did it cost?", "k": 3})
    assert reply.status_code == 200, reply.text
    best = reply.json()["results"][0]
    assert best["document"] == "invoice"
    assert "green apples" in best["text"]
    assert (best["source"], best["position"]["kind"], best["position"]["name"]) == ("invoice.png", "page", "1")


def page(lines: tuple[str, ...]) -> bytes:
    """Return a white A4 page of 150 dpi with ``lines`` in black, as PNG."""
    image = Image.new("RGB", (1240, 1754), "white")
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        draw.text((120, 200 + 90 * row), line, fill="black", font=ImageFont.load_default(44))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def delivered(ingestion: Container, document: str) -> dict[str, Any]:
    """Wait until the document is delivered, and return the receiver's answer."""
    give_up = time.monotonic() + DELIVERY_SECONDS
    while True:
        delivery: dict[str, Any] = ingestion.get(f"/documents/{document}").json()["delivery"]
        if delivery["state"] == "delivered":
            result: dict[str, Any] = delivery["result"]
            return result
        assert delivery["state"] == "pending" and time.monotonic() < give_up, delivery
        time.sleep(0.1)


def index(indexer: Container, name: str, **content: object) -> None:
    reply = indexer.post("/documents", json={"id": name, "title": name, **content})
    assert reply.status_code == 201, reply.text
    assert reply.json()["passages"] >= 1
