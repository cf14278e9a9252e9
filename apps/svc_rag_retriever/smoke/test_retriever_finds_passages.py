"""Test svc-rag-retriever together with svc-rag-indexer, both from their built images, on one volume."""

from __future__ import annotations

from typing import Any

DOCUMENTS = {
    "vacation": "Employees get thirty days of paid vacation per year. Unused days expire in March.",
    "expenses": "Hotel and train bills are refunded within two weeks once the receipts are in.",
    "pump": "Shut the valve before opening the housing. Fault E-4711 means the impeller is blocked.",
    "filter": "Rinse the strainer monthly. Fault E-4712 means the cartridge needs replacing.",
    "bread": "Let the dough rest overnight in a cool place, then bake it until the crust is dark.",
}
#: This question has no content word of the passage that answers it.
PARAPHRASE = "How long may staff stay away from work on full salary?"


def search(container: Any, query: str, k: int = 3) -> list[dict[str, Any]]:
    answer = container.post("/search", json={"query": query, "k": k}, timeout=60)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def test_an_empty_index_is_healthy_and_finds_nothing(container: Any) -> None:
    assert container.get("/ready").json()["ready"] is True
    assert search(container, "anything at all") == []


def test_a_broken_index_is_said_and_not_searched_until_it_is_whole_again(container: Any) -> None:
    current = "import pathlib; pathlib.Path('/data/CURRENT')"
    assert container.exec("python", "-c", f"{current}.write_text('7')").exit_code == 0
    for answer in (container.get("/ready"), container.post("/search", json={"query": "anything"})):
        assert (answer.status_code, "generation 7" in answer.text) == (503, False), answer.text
    assert container.get("/ready").json()["failures"] == ["index"]
    assert "generation 7" in container.logs(), "why stands in the log"
    assert container.exec("python", "-c", f"{current}.unlink()").exit_code == 0
    assert container.get("/ready").json()["ready"] is True
    assert search(container, "anything at all") == []


def test_questions_that_are_none_are_refused(container: Any) -> None:
    for body in ({"query": ""}, {"query": "  \n"}, {}, {"query": "x", "k": 0}, {"query": "x", "k": 51}):
        assert container.post("/search", json=body).status_code == 422, body


def test_passages_are_found_by_meaning_and_by_word_and_changes_are_seen(stack: Any) -> None:
    indexer = stack.start("svc-rag-indexer", volumes={"index": "/data"})
    retriever = stack.start("svc-rag-retriever", volumes={"index": "/data"})
    for id, text in DOCUMENTS.items():
        sent = {"id": id, "title": f"On {id}", "text": text}
        assert indexer.post("/documents", json=sent, timeout=60).status_code == 201

    by_meaning = search(retriever, PARAPHRASE)
    assert by_meaning[0]["document"] == "vacation"
    assert by_meaning[0]["bm25"] is None, "no word of the question is in the passage"
    assert by_meaning[0]["dense"]["rank"] == 1
    assert [result["rank"] for result in by_meaning] == [1, 2, 3]
    scores = [result["score"] for result in by_meaning]
    assert scores == sorted(scores, reverse=True)

    for identifier, document in (("E-4711", "pump"), ("E-4712", "filter")):
        best, *_ = search(retriever, f"What does {identifier} mean?")
        assert (best["document"], best["bm25"]["rank"]) == (document, 1)
    assert best["title"] == "On filter"
    assert best["text"] == DOCUMENTS["filter"]
    assert best["position"] == {"kind": "document", "name": "", "start": 0, "end": len(DOCUMENTS["filter"])}

    moved = {"id": "pump", "title": "On pump", "text": "This page has moved."}
    assert indexer.post("/documents", json=moved, timeout=60).status_code == 201
    assert indexer.delete("/documents/vacation", timeout=60).status_code == 204
    assert all(result["document"] != "vacation" for result in search(retriever, PARAPHRASE, k=10))
    texts = [result["text"] for result in search(retriever, "E-4711", k=10)]
    assert DOCUMENTS["pump"] not in texts and "This page has moved." in texts
    assert retriever.get("/stats").json()["generation"] == indexer.get("/stats").json()["generation"]
