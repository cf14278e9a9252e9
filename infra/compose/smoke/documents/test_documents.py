"""Test the document services as a system: each answers, and a document goes through the whole chain."""

from __future__ import annotations

import time

import pytest
import requests

from slipway.testing.plugin import RunningSystem

SERVICES = ("extract", "forms", "indexer", "ingestion", "kg", "ocr", "retriever")
TEXT = "Invoice No. INV-2026-0042\nDate: 14 March 2026\nTotal due: EUR 318.50\n"
SECONDS = 30


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


def test_a_document_is_kept_and_delivered(system: RunningSystem) -> None:
    ingestion = system.url("ingestion")
    taken = requests.post(f"{ingestion}/documents", files={"file": ("a.txt", TEXT.encode())}, timeout=SECONDS)
    assert taken.status_code == 201, taken.text
    document = taken.json()["id"]
    end = time.monotonic() + SECONDS
    while requests.get(f"{ingestion}/documents/{document}", timeout=SECONDS).json()["delivery"]["state"] == "due":
        assert time.monotonic() < end, "no delivery was tried"
        time.sleep(0.2)
