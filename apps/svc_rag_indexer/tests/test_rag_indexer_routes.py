"""Test the routes of svc-rag-indexer with a real index, without a server.

The length of a text replaces the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from svc_rag_indexer.main import Settings, create

from ragkit.vectors import DIMENSIONS, Vectors


class ByLength:
    """Embed a text as the axis of its length."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.eye(DIMENSIONS, dtype=np.float32)[[len(text) % DIMENSIONS for text in texts]]


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(create(Settings(data_dir=tmp_path, max_bytes=1000, max_passages=2), embedder=ByLength))


def send(client: TestClient, name: str, data: bytes, **fields: str) -> Any:
    return client.post("/documents", files={"file": (name, data)}, data=fields)


def test_documents_are_kept_listed_counted_and_removed(client: TestClient) -> None:
    kept = client.post("/documents", json={"id": "note", "title": "Note", "text": "Pears ripen."})
    assert (kept.status_code, kept.json()["passages"]) == (201, 1)
    assert send(client, "terms.md", b"# Returns\nSend it back.", id="terms").json()["id"] == "terms"
    assert [entry["id"] for entry in client.get("/documents").json()["documents"]] == ["note", "terms"]
    assert client.get("/stats").json() == {"documents": 2, "passages": 2, "generation": 2}
    assert client.delete("/documents/note").status_code == 204
    assert client.delete("/documents/note").status_code == 404


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"files": {"file": ("tool.exe", b"MZ")}}, 415, "tool.exe"),
        ({"files": {"file": ("latin.txt", b"Gr\xfc\xdfe")}}, 422, "byte 2"),
        ({"files": {"file": ("empty.md", b"  \n")}}, 422, "no text"),
        ({"files": {"other": b"x"}}, 422, "'file'"),
        ({"files": {"file": ("a.txt", b"x" * 1001)}}, 413, "MAX_BYTES"),
        ({"files": {"file": ("a.txt", b"x")}, "data": {"id": "x" * 301}}, 422, "body.id"),
        ({"files": {"file": ("a.txt", b"x")}, "data": {"title": "x" * 501}}, 422, "body.title"),
        ({"content": b"{no json"}, 422, "body"),
        ({"json": {"id": " ", "text": "x"}}, 422, "body.id"),
        ({"json": {"id": "x", "text": " "}}, 422, "no text"),
        ({"json": {"id": "x", "text": "A sentence of words. " * 200}}, 422, "at most 2 are kept"),
    ],
)
def test_a_body_that_is_not_a_document_is_refused_with_its_reason(
    client: TestClient, sent: dict[str, Any], status: int, said: str
) -> None:
    answer = client.post("/documents", **sent)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert client.get("/stats").json()["documents"] == 0


def test_a_broken_index_is_not_ready_and_its_path_stays_hidden(client: TestClient, tmp_path: Path) -> None:
    assert client.get("/ready").status_code == 200
    (tmp_path / "CURRENT").write_text("7")
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["failures"], str(tmp_path) in ready.text) == (503, ["index"], False)
    assert client.get("/live").status_code == 200
