"""EngineApi over a socket: connections are kept, and one that ended meanwhile is opened again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

import pytest

from slipway.core.threads import map_concurrently
from slipway.engine import Endpoint
from slipway.engine.api import EngineApi
from slipway.engine.connections import connecting


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        status, body = {"/torn": (200, b'{"x"'), "/no": (404, b"{}"), "/ill": (500, b"ill")}.get(
            self.path, (200, b'"%d"' % self.server.connections)
        )
        if self.path == "/stream":
            self.stream()
            return
        time.sleep(self.server.slow)
        if self.server.hangs_up:
            self.close_connection = True
            if self.server.connections == 1 and self.path == "/again":
                return
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        """Send pieces, with a pause that is longer than the patience of other requests."""
        assert self.request_version == "HTTP/1.0", "a body of chunks has a piece for each line"
        self.close_connection = True
        self.send_response(200)
        self.end_headers()
        for piece in (b"one\n", b"two\n"):
            self.wfile.write(piece)
            time.sleep(self.server.slow)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    connections = 0
    slow = 0.0
    hangs_up = False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(str(tmp_path / "s"), Answer) as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


def questions(server: Server, silence: float = 5.0, patience: float = 0.0) -> EngineApi:
    connect = connecting(Endpoint(f"unix://{server.server_address}"), None)
    assert connect
    return EngineApi(connect, silence, patience)


def test_one_connection_serves_many_questions(server: Server) -> None:
    asked = questions(server)
    assert [asked.get(question)[0] for question in ("/a", "/no", "/b")] == ["1", None, "1"]
    assert server.connections == 1


def test_concurrent_requests_open_connections_or_wait_for_a_free_one(server: Server) -> None:
    server.slow = 0.02
    asked = questions(server)
    map_concurrently(asked.get, ["/a", "/b", "/c"], at_once=3)
    assert server.connections == 3
    patient = questions(server, patience=2.0)
    patient.get("/first")
    map_concurrently(patient.get, ["/a", "/b", "/c"], at_once=3)
    assert server.connections == 4


def test_a_connection_that_the_engine_closed_is_opened_again(server: Server) -> None:
    asked = questions(server)
    asked.get("/a")
    server.hangs_up = True
    assert asked.get("/again")[0] == "2"


@pytest.mark.parametrize("question", ["/torn", "/ill"])
def test_an_answer_that_is_none_is_raised(server: Server, question: str) -> None:
    asked = questions(server)
    with pytest.raises(OSError, match=r"JSON|500 ill"):
        asked.get(question)
    assert asked.get("/a")[0] == "2", "and its connection is left"


def test_silence_is_not_asked_twice(server: Server) -> None:
    asked = questions(server, silence=0.1)
    asked.get("/a")
    server.slow = 0.5
    with pytest.raises(TimeoutError):
        asked.get("/b")
    assert server.connections == 1


def test_a_stream_comes_in_pieces_that_may_be_late(server: Server) -> None:
    server.slow = 0.2
    assert list(questions(server, silence=0.1).stream("/stream")) == [b"one\n", b"two\n"]


@pytest.mark.parametrize(("path", "said"), [("/ill", "500 ill"), ("/no", "404")])
def test_a_stream_that_is_refused_is_raised(server: Server, path: str, said: str) -> None:
    with pytest.raises(OSError, match=said):
        next(iter(questions(server).stream(path)))
