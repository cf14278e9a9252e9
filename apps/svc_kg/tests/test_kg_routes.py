"""Test the routes of svc-kg with its embedded store, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from svc_kg.main import Settings, create

from tests.services.described import DescribedClient

ADA, ACME = "person:ada-lovelace", "organisation:acme-gmbh"
TEXT = "Ada Lovelace works for Acme GmbH."


@pytest.fixture
def client(tmp_path: Path) -> DescribedClient:
    client = DescribedClient(create(Settings(data_dir=tmp_path, max_characters=100, max_relations=3)))
    client.post("/documents", json={"id": "one", "text": TEXT})
    return client


def test_a_document_becomes_a_graph(client: DescribedClient) -> None:
    read = client.post("/documents", json={"id": "two", "text": TEXT}).json()
    assert [entity["key"] for entity in read["entities"]] == [ADA, ACME]
    [relation] = read["relations"]
    assert (relation["kind"], relation["sentence"]["text"]) == ("WORKS_FOR", TEXT)
    assert read["total"] == {"entities": 2, "relations": 1}


def test_entities_mentions_relations_and_paths_are_found(client: DescribedClient) -> None:
    assert client.get("/entities", params={"name": "LOVE"}).json()["entities"][0]["key"] == ADA
    [mention] = client.get(f"/entities/{ADA}").json()["mentions"]
    assert (mention["document"], TEXT[mention["start"] : mention["end"]]) == ("one", "Ada Lovelace")
    assert len(client.get(f"/entities/{ACME}/relations").json()["relations"]) == 1
    path = client.get("/paths", params={"from": ACME, "to": ADA}).json()
    assert [entity["key"] for entity in path["entities"]] == [ACME, ADA]


def test_lists_come_in_pages_with_their_total(client: DescribedClient) -> None:
    for name in ("two", "three"):
        client.post("/documents", json={"id": name, "text": TEXT})
    page = {"limit": 2, "offset": 1}
    listed = client.get("/documents", params=page).json()
    assert listed == {"documents": [{"id": "three"}, {"id": "two"}], "total": 3}
    answer = client.get(f"/entities/{ADA}", params=page).json()
    assert ([mention["document"] for mention in answer["mentions"]], answer["total"]) == (["three", "two"], 3)
    answer = client.get(f"/entities/{ACME}/relations", params=page).json()
    assert ([relation["document"] for relation in answer["relations"]], answer["total"]) == (["three", "two"], 3)
    answer = client.get("/entities", params=page).json()
    assert ([entity["key"] for entity in answer["entities"]], answer["total"]) == ([ADA], 2)
    answer = client.get("/documents/two/relations").json()
    assert ([relation["source"]["key"] for relation in answer["relations"]], answer["total"]) == ([ADA], 1)


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"offset": -1}, {"offset": 1 << 63}])
def test_a_page_that_does_not_exist_is_refused(client: DescribedClient, query: dict[str, int]) -> None:
    assert client.get("/documents", params=query).status_code == 422


def test_a_document_is_forgotten_once(client: DescribedClient) -> None:
    assert client.delete("/documents/one").status_code == 204
    assert client.delete("/documents/one").status_code == 404
    assert client.get(f"/entities/{ADA}").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"id": "x", "text": " "}, 422, "the text is empty"),
        ({"id": "x", "text": "x" * 101}, 413, "MAX_CHARACTERS"),
        (
            {"id": "x", "text": "Ab Cd and Ef Gh founded Ij GmbH, Kl GmbH."},
            422,
            "more than 3 relations (MAX_RELATIONS)",
        ),
        ({"id": "a/b", "text": "x"}, 422, "body.id"),
        ({"id": "x"}, 422, "body.text: Field required"),
    ],
)
def test_a_bad_request_says_why(client: DescribedClient, body: dict[str, str], status: int, said: str) -> None:
    answer = client.post("/documents", json=body)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_a_store_that_fails_is_a_503_and_the_service_is_alive_but_not_ready(tmp_path: Path) -> None:
    client = DescribedClient(create(Settings(data_dir=tmp_path)))
    for name in ("graph.sqlite", "graph.sqlite-wal"):
        (tmp_path / name).write_bytes(b"no database" * 1000)
    put = client.post("/documents", json={"id": "one", "text": TEXT})
    assert (put.status_code, str(tmp_path) in put.text) == (503, False)
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["failures"]) == (503, ["store"])
    assert client.get("/live").status_code == 200


def test_importing_the_service_opens_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, neo4j_url="bolt://127.0.0.1:9", neo4j_password="hunter2-hunter2")  # type: ignore[arg-type]
    assert "hunter2" not in repr(settings)
    assert list(tmp_path.iterdir()) == []
