"""Test the routes of svc-ingestion with its folder, without a server."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from svc_ingestion.documents import Delivery, State
from svc_ingestion.ledger import Ledger
from svc_ingestion.main import create
from svc_ingestion.settings import Settings

from tests.services.described import DescribedClient

BYTES = b"a document"
ID = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def client(tmp_path: Path) -> DescribedClient:
    return DescribedClient(create(Settings(data_dir=tmp_path, max_bytes=1000)))


def send(client: DescribedClient, content: bytes = BYTES, name: str = "a.txt") -> Any:
    return client.post("/documents", files={"file": (name, content, "text/plain")})


def test_a_document_is_kept_once_under_its_hash(client: DescribedClient) -> None:
    first, again = send(client, name="../Scan März.txt"), send(client, name="b.txt")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"created": False}
    assert (first.json()["id"], first.json()["name"]) == (ID, "Scan März.txt")
    content = client.get(f"/documents/{ID}/content")
    assert (content.content, content.headers["x-content-type-options"]) == (BYTES, "nosniff")
    assert [entry["id"] for entry in client.get("/documents").json()["documents"]] == [ID]


def test_a_document_waits_in_the_outbox_until_it_is_collected(client: DescribedClient) -> None:
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
def test_a_missing_document_is_a_404(client: DescribedClient, path: str, status: int) -> None:
    assert client.get(path).status_code == status


def test_a_file_too_large_or_empty_is_refused_and_not_stored(client: DescribedClient) -> None:
    assert send(client, b"x" * 1001).status_code == 413
    assert send(client, b"").status_code == 422
    assert client.get("/documents").json() == {"total": 0, "documents": []}


def test_a_store_that_is_gone_is_a_503_without_its_path(client: DescribedClient, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "contents")
    taken = send(client)
    assert (taken.status_code, str(tmp_path) in taken.text) == (503, False)
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["failures"]) == (503, ["contents"])
    assert client.get("/live").status_code == 200


@pytest.mark.parametrize("left", [None, b"", b"a docu", b"A document"], ids=["missing", "empty", "cut", "changed"])
def test_a_damaged_content_is_seen_and_healed_by_sending_it_again(
    client: DescribedClient, tmp_path: Path, left: bytes | None
) -> None:
    first = send(client).json()
    path = tmp_path / "contents" / ID[:2] / ID
    path.unlink() if left is None else path.write_bytes(left)
    assert client.get(f"/documents/{ID}/content").status_code == 410
    again = send(client)
    assert (again.status_code, again.json()) == (200, first | {"created": False, "healed": True})
    assert client.get(f"/documents/{ID}/content").content == BYTES
    assert send(client).json()["healed"] is False


def test_a_document_that_failed_is_delivered_again_when_its_content_is_healed(
    client: DescribedClient, tmp_path: Path
) -> None:
    send(client)
    Ledger(tmp_path / "documents.sqlite").record(ID, Delivery(State.FAILED, 1, "its content is missing"))
    (tmp_path / "contents" / ID[:2] / ID).unlink()
    assert send(client).json()["delivery"]["state"] == "pending"


def test_lists_are_of_one_state_and_have_no_results(client: DescribedClient, tmp_path: Path) -> None:
    for content in (b"a", b"b", b"c"):
        send(client, content)
    failed = hashlib.sha256(b"b").hexdigest()
    ledger = Ledger(tmp_path / "documents.sqlite")
    ledger.record(failed, Delivery(State.FAILED, 20, "no", result={"text": "x"}))
    listed = client.get("/documents", params={"state": "failed"}).json()
    assert (listed["total"], [entry["id"] for entry in listed["documents"]]) == (1, [failed])
    assert listed["documents"][0]["delivery"] == {"state": "failed", "attempts": 20, "reason": "no"}
    assert client.get(f"/documents/{failed}").json()["delivery"]["result"] == {"text": "x"}
    assert client.get("/documents", params={"limit": 1, "offset": 1}).json()["total"] == 3
    assert client.get("/documents", params={"state": "lost"}).status_code == 422


def test_failed_documents_are_delivered_again_together(client: DescribedClient, tmp_path: Path) -> None:
    send(client)
    Ledger(tmp_path / "documents.sqlite").record(ID, Delivery(State.QUARANTINED, 3, "no", crashes=3))
    assert client.post("/deliveries").status_code == 422
    assert client.post("/deliveries", params={"state": "pending"}).status_code == 422
    for documents in (1, 0):
        again = client.post("/deliveries", params={"state": "quarantined"})
        assert (again.status_code, again.json()) == (202, {"documents": documents})
    assert client.get("/outbox").json()["total"] == 1


def test_a_client_that_has_the_content_does_not_get_it_again(client: DescribedClient) -> None:
    send(client)
    path = f"/documents/{ID}/content"
    tag = client.get(path).headers["etag"]
    current = client.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (current.status_code, current.content, current.headers["etag"]) == (304, b"", tag)
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    head = client.head(path)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(BYTES)))


def test_more_uploads_than_places_are_refused(tmp_path: Path) -> None:
    """Test it with the one place taken by a request whose body is still to come."""
    app = create(Settings(data_dir=tmp_path, writers=1, max_waiting=0))
    answers: list[int] = []

    async def main() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            arriving = asyncio.Event()

            async def slow() -> AsyncIterator[bytes]:
                yield b"--b\r\n"
                await arriving.wait()
                yield b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n'

            kind = {"Content-Type": "multipart/form-data; boundary=b"}
            first = asyncio.ensure_future(client.post("/documents", content=slow(), headers=kind))
            await asyncio.sleep(0.05)
            second = await client.post("/documents", files={"file": ("b", b"y")})
            arriving.set()
            answers.extend([second.status_code, (await first).status_code])
            assert second.headers["retry-after"] == "5"

    asyncio.run(main())
    assert answers == [503, 201]


def test_openapi_describes_the_bodies_and_the_answers(client: DescribedClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    take = paths["/documents"]["post"]
    assert take["requestBody"]["content"].keys() == {"multipart/form-data"}
    assert take["responses"].keys() == {"200", "201", "400", "408", "413", "415", "422", "503", "default"}
    content = paths["/documents/{document_id}/content"]["get"]["responses"]
    assert content["200"]["content"].keys() == {"*/*"}
    assert {"304", "404", "410", "503"} < content.keys()


def test_a_document_has_one_destination() -> None:
    with pytest.raises(ValidationError, match="FORWARD_URL and NATS_URL are both set"):
        Settings(forward_url="http://a", nats_url="nats://b")


def test_settings_that_cannot_work_are_refused_together() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(forward_url="ocr:8080", minio_url="nonsense", max_bytes=-5, couriers=0, retry_longest=float("inf"))
    assert [error["loc"] for error in caught.value.errors()] == [
        ("max_bytes",),
        ("forward_url",),
        ("couriers",),
        ("retry_longest",),
        ("minio_url",),
    ]
