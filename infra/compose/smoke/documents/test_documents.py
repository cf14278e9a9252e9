"""Test the document services as a system: each answers, and a document goes through the whole chain."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest
import requests
from PIL import Image, ImageDraw, ImageFont

from slipway.testing.plugin import RunningSystem

SERVICES = ("extract", "forms", "indexer", "ingestion", "kg", "ocr", "retriever")
TEXT = "Invoice No. INV-2026-0042\nDate: 14 March 2026\nTotal due: EUR 318.50\n"
SECONDS = 30
DELIVERY_SECONDS = 60


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_ready_where_the_table_says(system: RunningSystem, service: str) -> None:
    assert requests.get(f"{system.url(service)}/ready", timeout=SECONDS).status_code == 200


def test_a_form_is_filled_from_text_by_way_of_the_extractor(system: RunningSystem) -> None:
    forms = system.url("forms")
    filled = requests.post(f"{forms}/forms/payment-order/fill", json={"text": TEXT}, timeout=SECONDS)
    assert filled.status_code == 200, filled.text
    assert "318.50" in filled.text


def test_the_index_survives_a_kill_of_the_indexer(system: RunningSystem) -> None:
    indexer, retriever = system.url("indexer"), system.url("retriever")
    note = {"id": "note", "title": "note", "text": "The warehouse keeps green apples and blue paint."}
    assert requests.post(f"{indexer}/documents", json=note, timeout=SECONDS).status_code in (200, 201)
    service = system.service("indexer")
    service.kill()
    service.start()
    service.wait_until_healthy()
    found = requests.post(f"{retriever}/search", json={"query": "fruit", "k": 1}, timeout=SECONDS).json()
    assert found["results"][0]["document"] == "note"


def test_a_scanned_invoice_is_read_understood_and_found(system: RunningSystem) -> None:
    """Go through the whole chain: ingestion, ocr, extract, kg, indexer, retriever."""
    ingestion, extract, kg = (system.url(name) for name in ("ingestion", "extract", "kg"))
    indexer, retriever = system.url("indexer"), system.url("retriever")
    scan = {"file": ("invoice.png", drawn(f"{TEXT}Ada Lovelace founded Harbour Lane Ltd.\n"), "image/png")}
    taken = requests.post(f"{ingestion}/documents", files=scan, timeout=SECONDS)
    assert taken.status_code == 201, taken.text
    text = delivered(ingestion, taken.json()["id"])["text"]
    found = requests.post(f"{extract}/extract", json={"text": text}, timeout=SECONDS).json()["findings"]
    assert {one["value"] for one in found} >= {"INV-2026-0042", "2026-03-14", "318.50"}
    requests.post(f"{kg}/documents", json={"id": "invoice", "text": text}, timeout=SECONDS).raise_for_status()
    [entity] = requests.get(f"{kg}/entities", {"name": "Ada"}, timeout=SECONDS).json()["entities"]
    assert entity["name"] == "Ada Lovelace"
    passages = {"id": "invoice", "title": "invoice", "text": text}
    assert requests.post(f"{indexer}/documents", json=passages, timeout=SECONDS).status_code == 201
    asked = {"query": "which invoice is from March?", "k": 1}
    [best] = requests.post(f"{retriever}/search", json=asked, timeout=SECONDS).json()["results"]
    assert best["document"] == "invoice"


def drawn(text: str) -> bytes:
    """Return a page of 150 dpi with the text in black, as PNG."""
    page = Image.new("L", (1240, 900), "white")
    for row, line in enumerate(text.splitlines()):
        ImageDraw.Draw(page).text((100, 100 + 90 * row), line, fill="black", font=ImageFont.load_default(44))
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()


def delivered(ingestion: str, document: str) -> dict[str, Any]:
    """Wait until the document is delivered, and return the receiver's answer."""
    end = time.monotonic() + DELIVERY_SECONDS
    while True:
        delivery = requests.get(f"{ingestion}/documents/{document}", timeout=SECONDS).json()["delivery"]
        if delivery["state"] == "delivered":
            result: dict[str, Any] = delivery["result"]
            return result
        assert delivery["state"] == "pending" and time.monotonic() < end, delivery
        time.sleep(0.2)
