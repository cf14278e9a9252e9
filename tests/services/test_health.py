"""Run the health probe against a real socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from servicekit import health

#: Probes the port of 127.0.0.1. Returns the exit status and the output.
Probe = Callable[[str], tuple[int, str]]


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """Answer one request with these bytes. Yield the port."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            asked.append(connection.recv(1000))
            connection.sendall(answer)

    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield str(server.getsockname()[1])
        thread.join()
    assert asked[0].startswith(b"GET /ready HTTP/1.0\r\n")


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Probe:
    def run(port: str) -> tuple[int, str]:
        monkeypatch.setenv("UVICORN_PORT", port)
        return health.main(), capsys.readouterr().out

    return run


def test_a_ready_service_passes_and_nothing_is_printed(probe: Probe) -> None:
    with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") as port:
        assert probe(port) == (0, "")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b'HTTP/1.1 503 Service Unavailable\r\n\r\n{"failures": ["room"]}', '503 Service Unavailable {"failures"'),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n" + b"x" * 9999, f"503 Service Unavailable {'x' * 500}\n"),
        (b"", "no answer"),
        (b"\xff\xfe", "no answer"),
    ],
)
def test_another_answer_fails_the_probe_which_prints_it(probe: Probe, answer: bytes, said: str) -> None:
    with answering(answer) as port:
        code, printed = probe(port)
    assert code == 1
    assert f"http://127.0.0.1:{port}/ready: {said}" in printed


def test_a_port_that_refuses_fails_the_probe_and_so_does_a_word(probe: Probe) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    code, printed = probe(port)
    assert (code, "Connection refused" in printed) == (1, True)
    assert probe("http")[0] == 1
