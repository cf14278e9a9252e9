"""Servers that listen where a registry should, and are none."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

PAGE = b"<!doctype html><title>Sign in</title>"
HTML = {"Content-Type": "text/html; charset=utf-8"}


@dataclass
class ForeignServer:
    """A server on loopback that answers every request alike; ``requests`` holds each ``METHOD path``."""

    host: str = ""
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def foreign() -> Iterator[Callable[..., ForeignServer]]:
    """Starts one: ``foreign(200, HTML, PAGE)``."""
    with contextlib.ExitStack() as running:

        def start(status: int, headers: Mapping[str, str], body: bytes = b"") -> ForeignServer:
            return running.enter_context(serving(status, headers, body))

        yield start


@contextlib.contextmanager
def serving(status: int, headers: Mapping[str, str], body: bytes) -> Iterator[ForeignServer]:
    made = ForeignServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            made.requests.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.host = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
