"""The connections of a service to its neighbours end when the neighbour is gone: the kernel probes them."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import anyio
import pytest
from svc_forms.extraction import Extraction, ExtractionFailed
from svc_ingestion.delivery import Arrived, Away
from svc_ingestion.destinations import HttpDestination
from svc_ingestion.documents import Document
from svc_ocr_gateway.asking import ModelFailed, ask
from svc_ocr_gateway.inference import Question


class Neighbour(HTTPServer):
    """A server that notes for each of its clients whether the kernel probes the client's connection."""

    probed: list[bool]


class Answer(BaseHTTPRequestHandler):
    server: Neighbour

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.probed.append(is_probed(self.client_address[1], self.server.server_port))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def is_probed(port: int, to: int) -> bool:
    """Tell whether the connection between these ports of loopback has the kernel's timer for keepalive probes.

    Source: the kernel's Documentation/networking/proc_net_tcp.rst.
    """
    # The kernel writes the table piece by piece: a row is missing or twice there when other connections begin and end.
    # While sent bytes wait for their acknowledgement, the row has another timer instead.
    for _ in range(100):
        if timers_of(port, to) == ["02"]:
            return True
        time.sleep(0.01)
    return False


def timers_of(port: int, to: int) -> list[str]:
    """Return the timer of each row. An ended connection to another port may still have a row with the same port."""
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text("ascii").splitlines()[1:]]
    return [
        row[5].partition(":")[0] for row in rows if row[1].endswith(f":{port:04X}") and row[2].endswith(f":{to:04X}")
    ]


@pytest.fixture
def neighbour() -> Iterator[Neighbour]:
    with Neighbour(("127.0.0.1", 0), Answer) as made:
        made.probed = []
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


def by_forms(url: str) -> None:
    with pytest.raises(ExtractionFailed, match="no findings"):
        anyio.run(Extraction(url, 5), "text")


def by_ingestion(url: str) -> None:
    document = Document("0" * 64, "page.png", "image/png", 1, "2026-11-27T00:00:00Z")
    assert isinstance(HttpDestination(url, 5).send(document, iter([b"x"])), Arrived)


def by_the_gateway(url: str) -> None:
    async def asked() -> None:
        await ask(url, Question(io.BytesIO(b"x"), 1, "an id"), seconds=5)

    with pytest.raises(ModelFailed):
        anyio.run(asked)


@pytest.mark.parametrize("send", [by_forms, by_ingestion, by_the_gateway])
def test_the_kernel_probes_a_connection_to_a_neighbour(neighbour: Neighbour, send: Callable[[str], None]) -> None:
    send(f"http://127.0.0.1:{neighbour.server_port}/")
    assert neighbour.probed == [True]


class Proxy(BaseHTTPRequestHandler):
    """A proxy that records each request and refuses it."""

    asked: ClassVar[list[str]] = []

    def do_CONNECT(self) -> None:
        self.asked.append(self.path)
        self.send_error(403)

    do_POST = do_CONNECT

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(Proxy, "asked", [])
    with HTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("url", "no_proxy", "asked"),
    [
        ("https://receiver.invalid/in", "", ["receiver.invalid:443"]),
        ("https://127.0.0.1:9/in", "localhost,127.0.0.1", []),
        ("http://127.0.0.1:9/in", "", []),
    ],
)
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_delivery_leaves_through_the_proxy_only_for_https(
    proxy: str, monkeypatch: pytest.MonkeyPatch, scheme: str, url: str, no_proxy: str, asked: list[str]
) -> None:
    """Test a receiver outside. Docker sets HTTP_PROXY in all containers, and neighbours are reached over http."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, scheme + proxy)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    document = Document("0" * 64, "page.png", "image/png", 1, "2026-11-27T00:00:00Z")
    outcome = HttpDestination(url, 5).send(document, iter([b"x"]))
    assert (Proxy.asked, type(outcome)) == (asked, Away), outcome
