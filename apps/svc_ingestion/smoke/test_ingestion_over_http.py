"""Test that the running service keeps documents and delivers them.

Its receiver is the service itself, because it also takes documents.
"""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from slipway.testing.plugin import Container, Stack


def send(container: Container, content: bytes, name: str = "a.txt", media_type: str = "text/plain") -> Any:
    return container.post("/documents", files={"file": (name, content, media_type)})


def settled(container: Container, id: str, seconds: float = 20) -> dict[str, Any]:
    """Return the delivery when it is no longer pending, or after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        delivery: dict[str, Any] = container.get(f"/documents/{id}").json()["delivery"]
        if delivery["state"] != "pending" or time.monotonic() > deadline:
            return delivery
        time.sleep(0.05)


def test_a_document_is_kept_under_its_hash(container: Container) -> None:
    content = os.urandom(3_000_000)
    reply = send(container, content, "../Scan März.pdf", "application/pdf")
    assert reply.status_code == 201
    document = reply.json()
    assert document["created"] is True
    assert document["id"] == hashlib.sha256(content).hexdigest()
    kept = (document["name"], document["media_type"], document["size"])
    assert kept == ("Scan März.pdf", "application/pdf", 3_000_000)
    path = f"/documents/{document['id']}"
    described = {key: value for key, value in document.items() if key not in ("created", "healed")}
    assert container.get(path).json() == described
    download = container.get(f"{path}/content")
    assert download.content == content
    assert download.headers["content-disposition"] == "attachment; filename*=UTF-8''Scan%20M%C3%A4rz.pdf"
    assert document["id"] in [entry["id"] for entry in container.get("/documents").json()["documents"]]


def test_the_same_bytes_are_one_document(container: Container) -> None:
    content = os.urandom(100)
    first, second = send(container, content, "one.bin"), send(container, content, "two.bin")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json() | {"created": False}


def test_one_of_many_concurrent_uploads_creates_the_document(container: Container) -> None:
    content = os.urandom(200_000)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: send(container, content).json(), range(8)))
    assert sorted(reply["created"] for reply in replies) == [False] * 7 + [True]
    assert {reply["id"] for reply in replies} == {hashlib.sha256(content).hexdigest()}


def test_documents_wait_in_the_outbox_and_outlive_a_restart(container: Container) -> None:
    content = os.urandom(100)
    id = send(container, content).json()["id"]
    container.restart()
    assert id in [entry["id"] for entry in container.get("/outbox").json()["documents"]]
    assert container.get(f"/documents/{id}/content").content == content
    assert container.delete(f"/outbox/{id}").status_code == 204
    assert container.delete(f"/outbox/{id}").status_code == 409
    assert container.get(f"/documents/{id}").json()["delivery"]["state"] == "delivered"


def test_bad_requests_say_why(container: Container) -> None:
    empty = send(container, b"")
    assert (empty.status_code, empty.json()["detail"]) == (422, "the file is empty")
    elsewhere = container.post("/documents", files={"document": ("a", b"x")})
    assert (elsewhere.status_code, elsewhere.json()["detail"]) == (422, "the field 'file' has no file")
    assert container.post("/documents", data=b"x").status_code == 415
    broken = container.post("/documents", data=b"x", headers={"content-type": "multipart/form-data; boundary=y"})
    assert 400 <= broken.status_code < 500
    unknown = container.get("/documents/nothing")
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "document 'nothing' not found")


def test_a_document_is_handed_on_and_the_reply_is_kept(stack: Stack) -> None:
    itself = stack.start("svc-ingestion", env={"FORWARD_URL": "http://127.0.0.1:8080/documents"})
    id = send(itself, b"hand me on").json()["id"]
    delivery = settled(itself, id)
    assert (delivery["state"], delivery["attempts"], delivery["reason"]) == ("delivered", 1, "")
    assert (delivery["result"]["id"], delivery["result"]["created"]) == (id, False)


def test_a_refusal_is_final(stack: Stack) -> None:
    refused = stack.start("svc-ingestion", env={"FORWARD_URL": "http://127.0.0.1:8080/ready"})
    delivery = settled(refused, send(refused, b"no").json()["id"])
    assert (delivery["state"], delivery["attempts"]) == ("failed", 1)
    assert delivery["reason"].startswith("answered 405")


def test_a_receiver_that_is_away_costs_no_attempt(stack: Stack) -> None:
    alone = stack.start("svc-ingestion", env={"FORWARD_URL": "http://127.0.0.1:9/"})
    id = send(alone, b"anyone?").json()["id"]
    deadline = time.monotonic() + 20
    while not (delivery := alone.get(f"/documents/{id}").json()["delivery"])["reason"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (delivery["state"], delivery["attempts"]) == ("pending", 0)
    assert delivery["reason"] == "FORWARD_URL was not reached: ConnectError"


def test_a_document_too_large_is_refused_announced_or_not(stack: Stack) -> None:
    small = stack.start("svc-ingestion", env={"MAX_BYTES": "1000"})
    assert send(small, b"x" * 1000).status_code == 201
    reply = send(small, b"x" * 1001)
    assert (reply.status_code, reply.json()["detail"]) == (413, "a file has at most 1000 bytes (MAX_BYTES)")
    assert send(small, b"x" * 20_000_000).status_code == 413
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    pieces = (piece for piece in [head, *[b"x" * 100_000] * 50, b"\r\n--b--\r\n"])
    chunked = small.post("/documents", data=pieces, headers={"content-type": "multipart/form-data; boundary=b"})
    assert chunked.status_code == 413
    assert small.get("/documents").json()["total"] == 1
