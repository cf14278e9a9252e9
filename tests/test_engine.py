"""The engine's client, against a server on loopback that answers as an engine does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from slipway.engine import Engine
from slipway.errors import MissingError


class Answer(BaseHTTPRequestHandler):
    server_version = "Docker/28.5.2+dfsg4 (linux)"

    def do_GET(self) -> None:
        body = b"OK" if self.path.endswith("/_ping") else b"[]"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def serve() -> Iterator[Callable[[int], str]]:
    """Starts an engine on a port (0: any); its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(port: int = 0) -> str:
        servers.append(ThreadingHTTPServer(("127.0.0.1", port), Answer))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"tcp://127.0.0.1:{servers[-1].server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_an_engine_says_its_version_with_every_answer(serve: Callable[..., str]) -> None:
    engine = Engine(serve())
    assert engine.version == "?"
    assert engine.images() == ()
    assert engine.version == "28.5.2"
    engine.client.close()


def test_an_engine_that_stays_away(free_port: int) -> None:
    engine = Engine(f"tcp://127.0.0.1:{free_port}")
    assert not engine.returns(0)
    with pytest.raises(MissingError, match="no engine answers"):
        engine.images()
    engine.client.close()


def test_an_engine_that_comes_back(serve: Callable[..., str], free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there at the third look."""
    looks: list[float] = []

    def look_away(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            serve(free_port)

    monkeypatch.setattr("slipway.engine.time.sleep", look_away)
    assert Engine(f"tcp://127.0.0.1:{free_port}").returns(60)
    assert looks == [0.5, 0.5]
