"""The answers to bytes that are not HTTP, from a real server to a bare socket."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from servicekit import http_protocol
from servicekit.app import create_app
from servicekit.http_protocol import HttpProtocol
from servicekit.problems import MEDIA_TYPE, PROBLEMS, ErrorShape

HEAD = b"POST /length HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GOOD = HEAD + b"Content-Length: 2\r\n\r\nhi"


@contextmanager
def served(errors: ErrorShape = PROBLEMS) -> Iterator[int]:
    """Serve an app by uvicorn, as a container does, and yield its port."""
    app: FastAPI = create_app("svc-x", errors=errors, lifespan=lambda app: nullcontext())

    @app.post("/length")
    async def length(request: Request) -> int:
        return len(await request.body())

    server = uvicorn.Server(uvicorn.Config(app, port=0, http=HttpProtocol, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            threading.Event().wait(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    handlers = logging.getLogger().handlers[:], logging.getLogger("uvicorn").handlers[:]
    with served() as port:
        yield port
    logging.getLogger().handlers[:], logging.getLogger("uvicorn").handlers[:] = handlers


def last_answer(port: int, *sent: bytes) -> bytes:
    """Send good requests and one that is not, each after the answer to the one before, and return the last answer."""
    *good, bad = sent
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for one in good:
            connection.sendall(one)
            answer = b""
            while not answer.endswith(b"\r\n\r\n2"):
                answer += connection.recv(1 << 16)
            assert answer.startswith(b"HTTP/1.1 200")
        connection.sendall(bad)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def problem(answer: bytes) -> tuple[int, str]:
    """Return the status and the detail of an answer that is a problem, and closes its connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    status = int(lines[0].split()[1])
    told = json.loads(body)
    assert {f"content-type: {MEDIA_TYPE}", "connection: close", f"x-request-id: {told['request_id']}"} <= set(lines)
    assert (told["status"], len(told["request_id"])) == (status, 32)
    return status, told["detail"]


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        (b"nonsense secret\r\n\r\n", 400, "not a request of HTTP/1.1: illegal request line"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "illegal request line"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "Missing mandatory Host: header"),
        (HEAD + b"bad\x00header: secret\r\n\r\n", 400, "illegal header line"),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400, "bad Content-Length"),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "conflicting Content-Length headers"),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501, "Only Transfer-Encoding: chunked is supported"),
        (HEAD + b"secret: " + b"a" * 1_000_000, 431, "a head has at most 16384 bytes"),
        (b"GET /" + b"a" * 1_000_000, 431, "a head has at most 16384 bytes"),
        (CHUNKED + b"secret\r\nhi", 400, "illegal chunk header"),
    ],
)
def test_bytes_that_are_not_http_get_a_problem_that_repeats_nothing(
    port: int, sent: bytes, status: int, said: str
) -> None:
    answer = last_answer(port, sent)
    told, detail = problem(answer)
    assert (told, said in detail, b"secret" in answer) == (status, True, False), answer


def head_of(size: int, where: str) -> bytes:
    """Return a request whose head has so many bytes: in its target, in one header, or in many."""
    line, rest = b"POST /length%b HTTP/1.1\r\n", b"Host: x\r\nConnection: close\r\nContent-Length: 2\r\n"
    missing = size - len(line % b"" + rest + b"\r\n")
    if where == "target":
        return line % (b"?" + b"a" * (missing - 1)) + rest + b"\r\nhi"
    many = b"a: b\r\n" * (missing // 6 - 10 if where == "many" else 0)
    return line % b"" + rest + many + b"x: ".ljust(missing - len(many) - 2, b"a") + b"\r\n\r\nhi"


@pytest.mark.parametrize("where", ["target", "one", "many"])
def test_a_head_in_one_piece_is_refused_beyond_the_limit_and_taken_at_it(port: int, where: str) -> None:
    limit = http_protocol.LONGEST_HEAD
    taken, refused = head_of(limit, where), head_of(limit + 1, where)
    assert [len(one.partition(b"\r\n\r\n")[0]) + 4 for one in (taken, refused)] == [limit, limit + 1]
    assert last_answer(port, taken).startswith(b"HTTP/1.1 200")
    assert problem(last_answer(port, refused)) == (431, "a head has at most 16384 bytes")


def test_a_connection_serves_good_requests_before_it_is_closed_for_a_bad_one(port: int) -> None:
    assert problem(last_answer(port, GOOD, GOOD, b"\x00\r\n\r\n"))[0] == 400


def test_the_server_answers_others_after_bad_bytes(port: int) -> None:
    problem(last_answer(port, b"\x00" * 100 + b"\r\n\r\n"))
    assert last_answer(port, GOOD.replace(b"Host: x", b"Host: x\r\nConnection: close")).startswith(b"HTTP/1.1 200")


def test_a_head_that_stalls_is_a_408(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    for sent in ([HEAD], [GOOD, HEAD]):
        assert problem(last_answer(port, *sent)) == (408, "a head arrives within 0.2 s")


def test_a_connection_on_which_nothing_comes_is_closed(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    assert last_answer(port, b"") == b""


def test_a_body_may_take_longer_than_a_head(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.1)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(GOOD[:-1])
        threading.Event().wait(0.3)
        connection.sendall(GOOD[-1:])
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")


def test_a_service_with_its_own_shape_of_errors_answers_in_it() -> None:
    shape = ErrorShape(lambda status, detail, headers: PlainTextResponse(f"E {detail}", status, headers), {})
    with served(shape) as port:
        told = last_answer(port, b"\x00\r\n\r\n").partition(b"\r\n\r\n")[2]
    assert told == b"E not a request of HTTP/1.1: illegal request line"


def test_every_image_of_a_service_uses_it() -> None:
    """Test the setting in base-runtime, and in the one service that does not stand on it."""
    setting = f"UVICORN_HTTP={http_protocol.__name__}:{HttpProtocol.__name__}"
    root = Path(http_protocol.__file__).parents[2]
    for name in ("infra/docker/base-runtime.Dockerfile", "apps/svc_konnichiwa/Dockerfile"):
        assert setting in (root / name).read_text(encoding="utf-8"), name
