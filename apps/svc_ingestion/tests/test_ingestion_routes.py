"""Test the routes of svc-ingestion with its folder, without a server."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from svc_ingestion.main import Settings, create

BYTES = b"a document"
ID = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(create(Settings(data_dir=tmp_path, max_bytes=1000)))


def send(client: TestClient, content: bytes = BYTES, name: str = "a.txt") -> Any:
    return client.post("/documents", files={"file": (name, content, "text/plain")})


def test_a_document_is_kept_once_under_its_hash(client: TestClient) -> None:
    first, again = send(client, name="../Scan März.txt"), send(client, name="b.txt")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"created": False}
    assert (first.json()["id"], first.json()["name"]) == (ID, "Scan März.txt")
    content = client.get(f"/documents/{ID}/content")
    assert (content.content, content.headers["x-content-type-options"]) == (BYTES, "nosniff")
    assert [entry["id"] for entry in client.get("/documents").json()["documents"]] == [ID]


def test_a_document_waits_in_the_outbox_until_it_is_collected(client: TestClient) -> None:
    send(client)
    assert [entry["id"] for entry in client.get("/outbox").json()["documents"]] == [ID]
    assert client.delete(f"/outbox/{ID}").status_code == 204
    assert client.delete(f"/outbox/{ID}").status_code == 409
    assert client.post(f"/documents/{ID}/delivery").status_code == 202
    assert client.get(f"/documents/{ID}").json()["delivery"]["state"] == "pending"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/documents/nothing", 404),
        ("/documents/nothing/content", 404),
        ("/documents?limit=0", 422),
        ("/documents?offset=9223372036854775808", 422),
    ],
)
def test_a_missing_document_is_a_404(client: TestClient, path: str, status: int) -> None:
    assert client.get(path).status_code == status


def test_a_file_too_large_or_empty_is_refused_and_not_stored(client: TestClient) -> None:
    assert send(client, b"x" * 1001).status_code == 413
    assert send(client, b"").status_code == 422
    assert client.get("/documents").json() == {"total": 0, "documents": []}


def test_a_store_that_is_gone_is_a_503_without_its_path(client: TestClient, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "contents")
    taken = send(client)
    assert (taken.status_code, str(tmp_path) in taken.text) == (503, False)
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["failures"]) == (503, ["contents"])
    assert client.get("/live").status_code == 200


def test_content_that_is_gone_is_a_410(client: TestClient, tmp_path: Path) -> None:
    send(client)
    (tmp_path / "contents" / ID[:2] / ID).unlink()
    assert client.get(f"/documents/{ID}/content").status_code == 410


def test_a_document_has_one_destination() -> None:
    with pytest.raises(ValidationError, match="FORWARD_URL and NATS_URL are both set"):
        Settings(forward_url="http://a", nats_url="nats://b")
