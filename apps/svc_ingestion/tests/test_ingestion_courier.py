"""Test deliveries over HTTP, to a receiver on loopback that goes away, breaks connections and comes back."""

from __future__ import annotations

import hashlib
import io
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from svc_ingestion.contents import FolderContents
from svc_ingestion.courier import Courier
from svc_ingestion.delivery import Patience
from svc_ingestion.destinations import HttpDestination
from svc_ingestion.documents import Delivery, Document, State
from svc_ingestion.ledger import Ledger

GOOD, KILLER = b"a good document", b"a document that ends its receiver"
PATIENCE = Patience(attempts=3, seconds=0.01, longest=0.05, crashes=3)


class Receiver(BaseHTTPRequestHandler):
    """Accept documents; close the connection without an answer when the killer arrives."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if KILLER in body:
            self.close_connection = True
            return
        answer = b'{"read": true}'
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Shop:
    """Hold the stores of a service in a folder."""

    def __init__(self, folder: Path) -> None:
        self.ledger, self.contents = Ledger(folder / "ledger.sqlite"), FolderContents(folder / "contents")

    def take(self, content: bytes) -> str:
        id = hashlib.sha256(content).hexdigest()
        self.contents.put(id, io.BytesIO(content), len(content))
        self.ledger.add(Document(id, "a.txt", "text/plain", len(content), "2026"))
        return id

    def delivery(self, id: str) -> Delivery:
        document = self.ledger.get(id)
        assert document
        return document.delivery

    @contextmanager
    def delivering(self, port: int) -> Iterator[None]:
        destination = HttpDestination(f"http://127.0.0.1:{port}/read", seconds=5)
        courier = Courier(self.ledger, self.contents, destination, PATIENCE)
        courier.start()
        try:
            yield
        finally:
            courier.end()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@contextmanager
def receiver(port: int = 0) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", port), Receiver) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_receiver_that_is_away_costs_no_attempt_and_comes_back(shop: Shop) -> None:
    ids, port = [shop.take(b"%d" % number) for number in range(10)], free_port()
    with shop.delivering(port):
        wait_until(lambda: any(shop.delivery(id).reason for id in ids))
        assert {(shop.delivery(id).state, shop.delivery(id).attempts) for id in ids} == {(State.PENDING, 0)}
        with receiver(port):
            wait_until(lambda: all(shop.delivery(id).state is State.DELIVERED for id in ids))
    assert {shop.delivery(id).attempts for id in ids} == {1}
    assert shop.delivery(ids[0]).result == {"read": True}


def test_a_document_that_ends_its_receiver_is_quarantined_and_its_neighbours_arrive(shop: Shop) -> None:
    killer, *good = [shop.take(content) for content in (KILLER, *(GOOD + b"%d" % number for number in range(10)))]
    with receiver() as port, shop.delivering(port):
        wait_until(lambda: shop.delivery(killer).state is not State.PENDING)
        wait_until(lambda: all(shop.delivery(id).state is State.DELIVERED for id in good))
    ended = shop.delivery(killer)
    assert (ended.state, ended.attempts) == (State.QUARANTINED, 3)
    assert ended.reason.startswith("its receiver ended 3 times: FORWARD_URL ended the connection")


def test_a_document_without_its_content_fails_with_the_remedy(shop: Shop) -> None:
    id = hashlib.sha256(GOOD).hexdigest()
    shop.ledger.add(Document(id, "a.txt", "text/plain", len(GOOD), "2026"))
    with receiver() as port, shop.delivering(port):
        wait_until(lambda: shop.delivery(id).state is State.FAILED)
    assert shop.delivery(id).reason == "its content is missing or damaged; send the document again"


def test_a_hanging_receiver_does_not_hold_up_the_end(shop: Shop) -> None:
    shop.take(GOOD)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.settimeout(10)
        started = time.monotonic()
        with shop.delivering(deaf.getsockname()[1]):
            connection, _ = deaf.accept()
        connection.close()
    assert time.monotonic() - started < 5
