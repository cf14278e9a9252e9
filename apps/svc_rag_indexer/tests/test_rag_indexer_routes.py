"""Test the routes of svc-rag-indexer with a real index, without a server.

The length of a text replaces the model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from svc_rag_indexer.main import Settings, create

from ragkit.file_index import FileIndex
from ragkit.passages import Place
from ragkit.vectors import DIMENSIONS, Vectors
from servicekit.parsers import parse_here
from tests.services.described import DescribedClient


class ByLength:
    """Embed a text as the axis of its length."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.eye(DIMENSIONS, dtype=np.float32)[[len(text) % DIMENSIONS for text in texts]]


JSON = {"Content-Type": "application/json"}


@pytest.fixture
def client(tmp_path: Path) -> DescribedClient:
    settings = Settings(data_dir=tmp_path, max_bytes=1000, max_passages=2)
    return DescribedClient(create(settings, embedder=ByLength, parse=parse_here))


def send(client: DescribedClient, name: str, data: bytes, **fields: str) -> Any:
    return client.post("/documents", files={"file": (name, data)}, data=fields)


def test_documents_are_kept_listed_counted_and_removed(client: DescribedClient) -> None:
    kept = client.post("/documents", json={"id": "note", "title": "Note", "text": "Pears ripen."})
    assert (kept.status_code, kept.json()["passages"]) == (201, 1)
    assert send(client, "terms.md", b"# Returns\nSend it back.", id="terms").json()["id"] == "terms"
    listed = client.get("/documents").json()
    assert (listed["total"], [entry["id"] for entry in listed["documents"]]) == (2, ["note", "terms"])
    assert client.get("/documents?limit=1&offset=1").json()["documents"] == listed["documents"][1:]
    assert client.get("/documents/terms").json() == listed["documents"][1]
    assert client.get("/documents/none").status_code == 404
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
        ({"content": b"{no json", "headers": JSON}, 422, "not JSON"),
        ({"content": b'{"id": "x", "text": "y"}'}, 415, "application/json"),
        ({"content": b"id,text", "headers": {"Content-Type": "text/csv"}}, 415, "application/json"),
        ({"json": {"id": "x" * 301, "text": "x"}}, 422, "body.id"),
        ({"json": {"id": "x", "pages": [{"number": 0, "text": "x"}]}}, 422, "body.pages.0.number"),
        ({"content": b'{"id": "\\ud800", "text": "x"}', "headers": JSON}, 422, "body"),
        ({"json": {"id": " ", "text": "x"}}, 422, "body.id"),
        ({"json": {"id": "x", "text": " "}}, 422, "no text"),
        ({"json": {"id": "x"}}, 422, "no text"),
        ({"json": {"id": "x", "text": "x" * 1601}}, 422, "at most 1600 are read (MAX_PASSAGES)"),
        ({"json": {"id": "x", "text": "a\fb\fc"}}, 422, "at most 2 are kept (MAX_PASSAGES)"),
    ],
)
def test_a_body_that_is_not_a_document_is_refused_with_its_reason(
    client: DescribedClient, sent: dict[str, Any], status: int, said: str
) -> None:
    answer = client.post("/documents", **sent)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert client.get("/stats").json()["documents"] == 0


def test_a_name_that_is_a_path_is_cleaned(client: DescribedClient) -> None:
    kept = send(client, "../../etc/terms.md", b"# Returns\nSend it back.").json()
    assert (kept["id"], kept["source"]) == ("terms.md", "terms.md")


def test_a_long_heading_is_shortened(client: DescribedClient, tmp_path: Path) -> None:
    """Each passage below the heading repeats it."""
    assert send(client, "long.md", b"# " + b"x" * 900 + b"\ntext").status_code == 201
    [passage] = FileIndex(tmp_path).changes(0).passages
    assert (passage.text, len(passage.place.name)) == ("text", 300)


def test_pages_keep_their_numbers(client: DescribedClient, tmp_path: Path) -> None:
    """The answer of svc-ocr has both ``pages`` and ``text``, and more in each page."""
    read = {"text": "one\f\fthree", "pages": [{"number": 7, "text": "seven", "words": []}, {"number": 8, "text": ""}]}
    assert client.post("/documents", json={"id": "scan", "source": "scan.pdf", **read}).status_code == 201
    assert client.post("/documents", json={"id": "text", "text": read["text"]}).status_code == 201
    found = [(passage.source, passage.place, passage.text) for passage in FileIndex(tmp_path).changes(0).passages]
    assert found == [
        ("scan.pdf", Place("page", "7"), "seven"),
        ("", Place("page", "1"), "one"),
        ("", Place("page", "3"), "three"),
    ]


def test_an_index_that_takes_no_change_is_a_503_with_the_reason(client: DescribedClient, tmp_path: Path) -> None:
    assert client.post("/documents", json={"id": "note", "text": "Pears ripen."}).status_code == 201
    broken = DescribedClient(create(Settings(data_dir=tmp_path / "file"), embedder=ByLength, parse=parse_here))
    (tmp_path / "file").write_text("no folder")
    answer = broken.post("/documents", json={"id": "note", "text": "Pears ripen."})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "the document is not kept" in answer.json()["detail"]
    assert broken.get("/ready").json()["failures"] == ["room"]


def test_a_broken_index_is_not_ready_and_its_path_stays_hidden(client: DescribedClient, tmp_path: Path) -> None:
    assert client.get("/ready").status_code == 200
    for log in tmp_path.glob("index.sqlite-*"):
        log.unlink()
    (tmp_path / "index.sqlite").write_bytes(b"no database" * 1000)
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["failures"], str(tmp_path) in ready.text) == (503, ["index"], False)
    assert client.get("/live").status_code == 200


def test_an_index_of_an_earlier_version_is_reported_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create(Settings(data_dir=tmp_path), embedder=ByLength)
    assert "earlier version" not in capsys.readouterr().out
    for name in ("CURRENT", "lock", "7.sqlite", "7.faiss"):
        (tmp_path / name).write_text("7")
    create(Settings(data_dir=tmp_path), embedder=ByLength)
    [warning] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "earlier version" in line]
    assert (warning["level"], "send its documents again" in warning["message"]) == ("warning", True)
    assert warning["files"] == ["7.faiss", "7.sqlite", "CURRENT", "lock"]
