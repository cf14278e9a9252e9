"""Test that the running service reads documents into a graph and answers from it."""

from __future__ import annotations

from typing import Any

from slipway.testing.plugin import Container

ONE = "Dr. Ada Lovelace works for Acme GmbH. Acme is based in Berlin."
TWO = "Bob Stone lives in Berlin. Acme GmbH paid Bob Stone EUR 1,200.50."
ADA, BOB = "person:ada-lovelace", "person:bob-stone"


def put(container: Container, id: str, text: str) -> dict[str, Any]:
    reply = container.post("/documents", json={"id": id, "text": text})
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def test_documents_become_a_graph_with_provenance(container: Container) -> None:
    read = put(container, "one", ONE)
    assert {entity["key"] for entity in read["entities"]} == {ADA, "organisation:acme-gmbh", "place:berlin"}
    relations = container.get(f"/entities/{ADA}/relations").json()["relations"]
    (relation,) = [relation for relation in relations if relation["document"] == "one"]
    assert (relation["kind"], relation["target"]["name"]) == ("WORKS_FOR", "Acme GmbH")
    sentence = relation["sentence"]
    assert ONE[sentence["start"] : sentence["end"]] == sentence["text"] == "Dr. Ada Lovelace works for Acme GmbH."
    mention = container.get(f"/entities/{ADA}").json()["mentions"][0]
    assert ONE[mention["start"] : mention["end"]] == "Ada Lovelace"


def test_entities_are_found_and_joined_by_paths_and_outlive_a_restart(container: Container) -> None:
    put(container, "one", ONE)
    put(container, "two", TWO)
    container.restart()
    found = container.get("/entities", params={"name": "ACME"}).json()["entities"]
    assert [entity["key"] for entity in found] == ["organisation:acme-gmbh"]
    path = container.get("/paths", params={"from": ADA, "to": BOB}).json()
    assert [entity["name"] for entity in path["entities"]] == ["Ada Lovelace", "Acme GmbH", "Bob Stone"]
    assert [relation["kind"] for relation in path["relations"]] == ["WORKS_FOR", "PAID"]
    assert path["relations"][1]["amount"] == "EUR 1,200.50"


def test_a_deleted_document_takes_only_its_own_entities(container: Container) -> None:
    put(container, "gone", "Eve Moss founded Delta Ltd. Eve Moss lives in Berlin.")
    put(container, "two", TWO)
    assert container.delete("/documents/gone").status_code == 204
    assert container.get("/entities/person:eve-moss").status_code == 404
    assert container.get("/entities/place:berlin").status_code == 200
    assert container.delete("/documents/gone").status_code == 404


def test_bad_requests_say_why(container: Container) -> None:
    empty = container.post("/documents", json={"id": "empty", "text": " "})
    assert (empty.status_code, empty.json()["detail"]) == (422, "the text is empty")
    slash = container.post("/documents", json={"id": "a/b", "text": "x"})
    assert (slash.status_code, slash.json()["detail"].partition(":")[0]) == (422, "body.id")
    put(container, "two", TWO)
    put(container, "lonely", "Zoe Quill was born in Ulm.")
    nowhere = container.get("/paths", params={"from": BOB, "to": "place:ulm"})
    assert nowhere.status_code == 404
    assert "no path" in nowhere.json()["detail"]
    unknown = container.get("/paths", params={"from": BOB, "to": "person:nobody"})
    assert (unknown.status_code, "entity 'person:nobody' not found" in unknown.json()["detail"]) == (404, True)
