"""Asking a port of a container whether the container is ready."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from slipway.config.smoke import HttpReady
from slipway.secrets.redactor import Redactor
from slipway.smoke.containers import Sandbox, Spec
from slipway.testing.container import Container
from slipway.testing.container_host import LocalContainerHost


class Handler(BaseHTTPRequestHandler):
    """Answers by the path: ``/204`` a status, ``/endless`` a body that never ends, ``/cut`` nothing."""

    def do_GET(self) -> None:
        if self.path == "/cut":
            return
        self.send_response(200 if self.path == "/endless" else int(self.path[1:4]))
        self.send_header("Location", "/200")
        self.end_headers()
        while self.path == "/endless":
            self.wfile.write(b"more")

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            """The client leaves."""

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class PublishedPort:
    """An engine whose container has its port 8080 on ``port`` of this machine, while it runs."""

    def __init__(self, port: int) -> None:
        self.api = self
        self.ports = {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]} if port else {}

    def inspect_container(self, container: str) -> dict[str, Any]:
        return {"NetworkSettings": {"Ports": self.ports}}


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def ask(port: int, path: str) -> str:
    spec = Spec("sha256:1", "c", "net", "svc-a", {}, sandbox=Sandbox(slowness=0.2))
    container = Container(PublishedPort(port), "c", spec, "8080/tcp", Redactor(), LocalContainerHost())
    return container.unready(HttpReady(8080, path))


@pytest.mark.fault("T36")
@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/200", ""),
        ("/204?full=1", ""),
        ("/endless", ""),
        ("/302", "http://:8080/302 answered 302"),
        ("/503", "http://:8080/503 answered 503"),
        ("/404", "http://:8080/404 answered 404"),
        ("/cut", "http://:8080/cut does not answer"),
    ],
)
def test_an_answer_with_2xx_is_ready(port: int, path: str, why: str) -> None:
    assert ask(port, path) == why


@pytest.mark.fault("T36")
def test_a_container_that_ended_meanwhile_does_not_answer() -> None:
    assert ask(0, "/200") == "http://:8080/200 does not answer"
