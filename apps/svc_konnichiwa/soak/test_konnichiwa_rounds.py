"""Disturb the running service: hostile requests, 16 clients for a minute, 20 kills under load."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from slipway.testing.plugin import Container, Stack

KEY = "soak-0123456789abcdef"
GIVEN = {"API_KEY": KEY}
pytestmark = [pytest.mark.soak, pytest.mark.slipway(memory="256m", env=GIVEN)]

CLIENTS, SECONDS, KILLS = 16, 60, 20
BEARER = f"Authorization: Bearer {KEY}\r\n"


def request(line: str, headers: str = "", body: bytes = b"") -> bytes:
    return f"{line} HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode("latin-1") + body


#: Name → the bytes, and the status that answers them.
REQUESTS: dict[str, tuple[bytes, int]] = {
    "binary": (bytes(range(256)) * 4, 400),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), 400),
    "http-2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404),
    "no-version": (b"GET /\r\n\r\n", 400),
    "no-host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two-hosts": (request("GET /", "Host: b\r\n"), 400),
    "long-path": (request("GET /" + "a" * 100_000), 404),
    "long-header": (request("GET /", "X: " + "a" * 200_000 + "\r\n"), 400),
    "many-headers": (request("GET /", "".join(f"X{one}: 1\r\n" for one in range(9000))), 200),
    "long-name": (request("GET /?name=" + "b" * 101), 422),
    "zero-in-name": (request("GET /?name=%00"), 200),
    "half-a-surrogate": (request("GET /?name=%ED%A0%80"), 200),
    "markup": (request("GET /?name=%3Cscript%3E"), 200),
    "path-outside": (request("GET /../../etc/passwd"), 404),
    "encoded-path-outside": (request("GET /%2e%2e/%2e%2e/etc/passwd"), 404),
    "trace": (request("TRACE /"), 405),
    "invented-method": (request("FROB /"), 405),
    "post": (request("POST /", "Content-Length: 2\r\n", b"{}"), 405),
    "delete-inspect": (request("DELETE /inspect", BEARER), 405),
    "inspect-without-a-key": (request("GET /inspect"), 401),
    "inspect-another-scheme": (request("GET /inspect", "Authorization: Basic eDp5\r\n"), 401),
    "inspect-a-wrong-key": (request("GET /inspect", "Authorization: Bearer x\r\n"), 401),
    "inspect-a-shorter-key": (request("GET /inspect", f"Authorization: Bearer {KEY[:-1]}\r\n"), 401),
    "inspect-a-longer-key": (request("GET /inspect", f"Authorization: Bearer {KEY}x\r\n"), 401),
    "inspect-a-huge-key": (request("GET /inspect", "Authorization: Bearer " + "x" * 60_000 + "\r\n"), 401),
    "inspect-no-key-after-bearer": (request("GET /inspect", "Authorization: Bearer\r\n"), 400),
    "inspect-two-keys": (request("GET /inspect", f"Authorization: Bearer {KEY}, Bearer x\r\n"), 400),
    "inspect-two-headers": (request("GET /inspect", BEARER * 2), 400),
    "inspect-latin-1": (request("GET /inspect", "Authorization: Bearer \xff\xfe\r\n"), 400),
    "inspect-zero": (request("GET /inspect", "Authorization: Bearer a\0b\r\n"), 400),
    "inspect-key-in-query": (request(f"GET /inspect?access_token={KEY}"), 401),
    "inspect-key-in-cookie": (request("GET /inspect", f"Cookie: Authorization=Bearer {KEY}\r\n"), 401),
    "inspect-forwarded-from-here": (request("GET /inspect", "X-Forwarded-For: 127.0.0.1\r\n"), 401),
    "inspect-capitals": (request("GET /INSPECT", BEARER), 404),
    "length-negative": (request("POST /", "Content-Length: -5\r\n"), 400),
    "length-doubled": (request("POST /", "Content-Length: 1\r\nContent-Length: 2\r\n", b"ab"), 400),
    "length-beyond-64-bits": (request("POST /", "Content-Length: 99999999999999999999\r\n"), 405),
    "length-and-chunks": (request("POST /", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 405),
    "gzip-transfer": (request("POST /", "Transfer-Encoding: gzip\r\n", b"x"), 400),
    "body-of-30-mb": (request("GET /", "Content-Length: 30000000\r\n", bytes(30_000_000)), 200),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_hostile_request_has_its_answer(container: Container, name: str) -> None:
    """The service answers, and is ready within two seconds afterwards."""
    sent, status = REQUESTS[name]
    host, _, port = container.address(4000).partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        with contextlib.suppress(OSError):  # the service may answer before it has read everything
            connection.sendall(sent)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 %d" % status), answer[:300]
    assert b"packages" not in answer
    began = time.monotonic()
    assert container.get("/ready").status_code == 200
    assert time.monotonic() - began < 2


@contextmanager
def load(container: Container, path: str, seconds: list[float], failures: list[str]) -> Iterator[None]:
    """Keep 16 clients asking while the context is open."""
    url, over = f"{container.url}{path}", threading.Event()

    def client() -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not over.is_set():
                began = time.monotonic()
                try:
                    answer = session.get(url, headers={"Authorization": f"Bearer {KEY}"}, timeout=30)
                except requests.RequestException as error:
                    failures.append(type(error).__name__)
                    time.sleep(0.05)
                    continue
                seconds.append(time.monotonic() - began)
                failures.extend([] if answer.status_code == 200 else [str(answer.status_code)])

    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(client) for _ in range(CLIENTS)]
        try:
            yield
        finally:
            over.set()
    for one in running:
        one.result()


@pytest.mark.parametrize("path", ["/", "/inspect"])
def test_16_clients_for_a_minute(stack: Stack, path: str) -> None:
    container = stack.start("svc-konnichiwa", env=GIVEN, memory="256m")
    seconds: list[float] = []
    failures: list[str] = []
    with load(container, path, seconds, failures):
        time.sleep(SECONDS)
    seconds.sort()
    p50, p99 = (1000 * seconds[int(share * (len(seconds) - 1))] for share in (0.5, 0.99))
    print(f"{path}: {len(seconds) / SECONDS:.0f} a second, p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    assert seconds and not failures
    assert container.state.running and not container.state.oom_killed


def test_20_kills_under_load(stack: Stack) -> None:
    """After each kill the service is healthy again, and no answer was another than 200."""
    container = stack.start("svc-konnichiwa", env=GIVEN, memory="256m")
    starts: list[float] = []
    failures: list[str] = []
    for _ in range(KILLS):
        with load(container, "/inspect", [], failures):
            time.sleep(1)
            container.kill()
        began = time.monotonic()
        container.restart()
        starts.append(time.monotonic() - began)
    print(f"healthy again after {max(starts):.1f} s at most; clients saw {len(failures)} broken connections")
    assert container.get("/").json() == {"message": "こんにちは"}
    assert not [one for one in failures if one.isdigit()]
