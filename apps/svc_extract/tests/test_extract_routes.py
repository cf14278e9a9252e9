"""Test ``POST /extract`` without a server."""

from __future__ import annotations

from typing import Any

import pytest
from svc_extract.main import Settings, create

from tests.services.described import DescribedClient


@pytest.fixture
def client() -> DescribedClient:
    return DescribedClient(create(Settings(max_characters=100, max_findings=9)))


def test_findings_come_with_their_spans(client: DescribedClient) -> None:
    text = "Total due: EUR 318.50"
    [found] = client.post("/extract", json={"text": text}).json()["findings"]
    assert (found["kind"], found["value"], found["currency"]) == ("amount", "318.50", "EUR")
    assert text[found["start"] : found["end"]] == found["text"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"text": " \n"}, 422, "the text is empty"),
        ({"text": "x" * 101}, 413, "MAX_CHARACTERS"),
        ({"text": "€1 " * 10}, 422, "MAX_FINDINGS"),
        ({"text": None}, 422, "body.text"),
        ({}, 422, "body.text: Field required"),
    ],
)
def test_a_bad_request_says_why(client: DescribedClient, body: dict[str, Any], status: int, said: str) -> None:
    answer = client.post("/extract", json=body)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_it_has_no_store_to_wait_for(client: DescribedClient) -> None:
    assert client.get("/ready").json() == {"service": "svc-extract", "ready": True, "failures": []}
