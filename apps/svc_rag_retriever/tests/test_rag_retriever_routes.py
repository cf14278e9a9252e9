"""Test the routes of svc-rag-retriever with a real index, without a server.

The first letter of a text replaces the model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from svc_rag_retriever.main import Settings, create

from ragkit.file_index import FileIndex
from ragkit.passages import Document, Passage, Place, Section
from ragkit.vectors import DIMENSIONS, Vectors
from tests.services.described import DescribedClient

TEXTS = {"pump": "Fault E-4711 means the impeller is blocked.", "bread": "Let the dough rest overnight."}


class ByFirstLetter:
    """Embed a text as the axis of its first letter."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.eye(DIMENSIONS, dtype=np.float32)[[ord(text[0]) % DIMENSIONS for text in texts]]


def keep(folder: Path, id: str, text: str) -> None:
    place = Place("document")
    document = Document(id, "", "", (Section(place, text),))
    FileIndex(folder).replace(document, [Passage(id, "", "", place, 0, len(text), text)], ByFirstLetter().embed([text]))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[DescribedClient]:
    for id, text in TEXTS.items():
        keep(tmp_path, id, text)
    with DescribedClient(create(Settings(data_dir=tmp_path), embedder=ByFirstLetter)) as client:
        yield client


def search(client: DescribedClient, query: str, k: int = 1) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = client.post("/search", json={"query": query, "k": k}).json()["results"]
    return results


def test_passages_are_found_by_meaning_and_by_word(client: DescribedClient) -> None:
    [by_word] = search(client, "What is E-4711?")
    assert (by_word["document"], by_word["bm25"]["rank"]) == ("pump", 1)
    [by_meaning] = search(client, "Leaven")
    assert (by_meaning["document"], by_meaning["bm25"], by_meaning["dense"]["rank"]) == ("bread", None, 1)
    assert by_meaning["position"] == {"kind": "document", "name": "", "start": 0, "end": len(TEXTS["bread"])}


def test_a_change_of_the_index_is_seen(client: DescribedClient, tmp_path: Path) -> None:
    assert client.get("/stats").json() == {"generation": 2, "passages": 2}
    keep(tmp_path, "pump", "This page has moved.")
    assert client.get("/stats").json() == {"generation": 3, "passages": 2}
    assert search(client, "moved")[0]["text"] == "This page has moved."


@pytest.mark.parametrize("body", [{}, {"query": " \n"}, {"query": "x", "k": 0}, {"query": "x" * 2001}])
def test_a_body_that_is_not_a_question_is_refused(client: DescribedClient, body: dict[str, Any]) -> None:
    assert client.post("/search", json=body).status_code == 422


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("Error E-4711", True),  # the identifier: no passage begins with an E
        ("Leaven", True),
        ("Zebras", False),
        ("The means of Zebras", False),  # a word of a passage
    ],
)
def test_a_question_that_no_passage_is_about_does_not_fit(client: DescribedClient, query: str, fits: bool) -> None:
    answer = client.post("/search", json={"query": query}).json()
    assert answer["fits"] is fits
    assert answer["results"], "the best there is, whether or not it fits"


def test_an_empty_index_is_ready_and_finds_nothing(tmp_path: Path) -> None:
    with DescribedClient(create(Settings(data_dir=tmp_path / "none"), embedder=ByFirstLetter)) as client:
        answer = client.post("/search", json={"query": "anything"}).json()
        assert (answer["results"], answer["fits"], answer["generation"]) == ([], False, 0)
        assert client.get("/ready").status_code == 200


def test_a_service_that_has_not_read_the_index_is_not_ready(tmp_path: Path) -> None:
    client = DescribedClient(create(Settings(data_dir=tmp_path), embedder=ByFirstLetter))
    assert client.get("/ready").json()["failures"] == ["loaded"]
    answer = client.post("/search", json={"query": "anything"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_a_broken_index_is_a_503_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").write_bytes(b"no database" * 1000)
    with DescribedClient(create(Settings(data_dir=tmp_path), embedder=ByFirstLetter)) as client:
        for answer in (client.get("/ready"), client.post("/search", json={"query": "anything"})):
            assert (answer.status_code, str(tmp_path) in answer.text) == (503, False)
        assert client.get("/live").status_code == 200


def test_an_index_of_an_earlier_version_is_reported_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create(Settings(data_dir=tmp_path), embedder=ByFirstLetter)
    assert "earlier version" not in capsys.readouterr().out
    for name in ("CURRENT", "lock", "7.sqlite", "7.faiss"):
        (tmp_path / name).write_text("7")
    create(Settings(data_dir=tmp_path), embedder=ByFirstLetter)
    [warning] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "earlier version" in line]
    assert (warning["level"], "send its documents again" in warning["message"]) == ("warning", True)
    assert warning["files"] == ["7.faiss", "7.sqlite", "CURRENT", "lock"]
