"""Test the routes of svc-kg with its embedded store, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from svc_kg.main import Settings, create

ADA, ACME = "person:ada-lovelace", "organisation:acme-gmbh"
TEXT = "Ada Lovelace works for Acme GmbH."


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    client = TestClient(create(Settings(data_dir=tmp_path, max_characters=100)))
    client.post("/documents", json={"id": "one", "text": TEXT})
    return client


def test_a_document_becomes_a_graph(client: TestClient) -> None:
    read = client.post("/documents", json={"id": "two", "text": TEXT}).json()
    assert [entity["key"] for entity in read["entities"]] == [ADA, ACME]
    [relation] = read["relations"]
    assert (relation["kind"], relation["sentence"]["text"]) == ("WORKS_FOR", TEXT)


def test_entities_mentions_relations_and_paths_are_found(client: TestClient) -> None:
    assert client.get("/entities", params={"name": "LOVE"}).json()["entities"][0]["key"] == ADA
    [mention] = client.get(f"/entities/{ADA}").json()["mentions"]
    assert (mention["document"], TEXT[mention["start"] : mention["end"]]) == ("one", "Ada Lovelace")
    assert len(client.get(f"/entities/{ACME}/relations").json()["relations"]) == 1
    path = client.get("/paths", params={"from": ACME, "to": ADA}).json()
    assert [entity["key"] for entity in path["entities"]] == [ACME, ADA]


def test_a_document_is_forgotten_once(client: TestClient) -> None:
    assert client.delete("/documents/one").status_code == 204
    assert client.delete("/documents/one").status_code == 404
    assert client.get(f"/entities/{ADA}").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"id": "x", "text": " "}, 422, "the text is empty"),
        ({"id": "x", "text": "x" * 101}, 413, "MAX_CHARACTERS"),
        ({"id": "a/b", "text": "x"}, 422, "body.id"),
        ({"id": "x"}, 422, "body.text: Field required"),
    ],
)
def test_a_bad_request_says_why(client: TestClient, body: dict[str, str], status: int, said: str) -> None:
    answer = client.post("/documents", json=body)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_a_store_that_fails_is_a_503_and_the_service_is_alive_but_not_ready(tmp_path: Path) -> None:
    client = TestClient(create(Settings(data_dir=tmp_path)))
    (tmp_path / "graph.sqlite").write_bytes(b"no database" * 1000)
    put = client.post("/documents", json={"id": "one", "text": TEXT})
    assert (put.status_code, str(tmp_path) in put.text) == (503, False)
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["failures"]) == (503, ["store"])
    assert client.get("/live").status_code == 200


def test_importing_the_service_opens_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, neo4j_url="bolt://127.0.0.1:9", neo4j_password="hunter2-hunter2")  # type: ignore[arg-type]
    assert "hunter2" not in repr(settings)
    assert list(tmp_path.iterdir()) == []
