"""The fault proxy is as bad as it says, and no worse: a plain client sees each fault, the registry what passed."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator

import pytest

from slipway.testing.fakes import MEDIA_TYPE, RegistryServer, digest_of
from tests.faults.proxy import (
    Proxy,
    Trouble,
    cut,
    cut_reply,
    delay,
    half_close,
    hang,
    lost,
    not_sent,
    reset,
    status,
    truncated,
    wrong_digest,
)

PATH = "/v2/acme/x/manifests/v1"


class Client:
    """One kept-alive connection through the proxy."""

    def __init__(self, proxy: Proxy, seconds: float = 5.0) -> None:
        self.connection = http.client.HTTPConnection(proxy.address, timeout=seconds)

    def ask(self, method: str = "GET", path: str = PATH, body: bytes | None = None) -> http.client.HTTPResponse:
        self.connection.request(method, path, body)
        return self.connection.getresponse()


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as server:
        server.add("acme/x", "v1")
        yield server


@pytest.fixture
def between(server: RegistryServer) -> Iterator[Proxy]:
    made = Proxy(server.host)
    yield made
    made.close()


def test_a_request_that_is_not_chosen_passes_unchanged(between: Proxy, server: RegistryServer) -> None:
    client = Client(between)
    held = server.manifests["acme/x", server.tags["acme/x", "v1"]]
    for _ in range(2):
        assert client.ask().read() == held
    assert client.ask("HEAD").read() == b""
    assert client.ask("PUT", "/v2/acme/x/manifests/v2", b"{}").status == 201
    assert server.manifests["acme/x", digest_of(b"{}")] == b"{}"
    assert between.asked() == server.requests == [f"GET {PATH}"] * 2 + [f"HEAD {PATH}", "PUT /v2/acme/x/manifests/v2"]


def exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        assert piece, f"ended after {data!r}"
        data += piece
    return data


def test_chunked_bodies_pass_both_ways() -> None:
    asked = (
        b"PATCH /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\n\r\n"
    )
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        between = Proxy(f"127.0.0.1:{upstream.getsockname()[1]}")
        with socket.create_connection(("127.0.0.1", int(between.address.rpartition(":")[2])), timeout=5) as client:
            client.sendall(asked)
            upstream.settimeout(5)
            served, _ = upstream.accept()
            with served:
                served.settimeout(5)
                assert exactly(served, len(asked)) == asked
                served.sendall(said)
                assert exactly(client, len(said)) == said
        assert between.sent == len(asked) - len("\r\n")
        between.close()


def test_a_client_that_tries_tls_is_answered_in_plain_http_and_let_go(between: Proxy, server: RegistryServer) -> None:
    with socket.create_connection(("127.0.0.1", int(between.address.rpartition(":")[2])), timeout=5) as client:
        client.sendall(b"\x16\x03\x01\x00\x05hello")
        answered = client.makefile("rb").read()
    assert answered.startswith(b"HTTP/1.0 400 ")
    assert between.requests == [] and server.requests == []


def test_a_status_is_not_passed_on(between: Proxy, server: RegistryServer) -> None:
    fault = between.fail("PUT ", status(429, {"Retry-After": "7"}, b"later"))
    client = Client(between)
    reply = client.ask("PUT", body=b"{}")
    assert (reply.status, reply.headers["Retry-After"], reply.read()) == (429, "7", b"later")
    assert client.ask("PUT", body=b"{}").status == 201
    assert (fault.struck, server.requests) == ([f"PUT {PATH}"], [f"PUT {PATH}"])


def test_the_kth_request_and_how_often(between: Proxy) -> None:
    fault = between.fail("GET .*/v1", status(503), after=1, times=2)
    client = Client(between)
    seen = []
    for method in ("GET", "HEAD", "GET", "GET", "GET"):
        reply = client.ask(method)
        reply.read()
        seen.append(reply.status)
    assert seen == [200, 200, 503, 503, 200]
    assert len(fault.struck) == 2


@pytest.mark.parametrize(
    ("trouble", "done"),
    [(not_sent(), False), (cut(), False), (reset(), False), (lost(), True)],
    ids=["not sent", "cut", "reset", "lost"],
)
def test_no_reply_comes(between: Proxy, server: RegistryServer, trouble: Trouble, done: bool) -> None:
    fault = between.fail("PUT ", trouble)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        Client(between).ask("PUT", body=b"{}")
    assert ("acme/x", digest_of(b"{}")) in server.manifests if done else server.requests == []
    assert len(fault.struck) == 1
    assert Client(between).ask("PUT", body=b"{}").status == 201


def test_a_reset_breaks_the_connection(between: Proxy) -> None:
    between.fail("GET ", reset())
    with pytest.raises(ConnectionResetError):
        Client(between).ask()


def test_a_body_is_cut_on_its_way_in(between: Proxy, server: RegistryServer) -> None:
    between.fail("PUT ", cut(200_000))
    with pytest.raises(OSError):
        Client(between).ask("PUT", body=b"x" * 50_000_000)
    assert 200_000 <= between.sent < 1_000_000
    assert server.requests == []


def test_a_request_without_an_answer_ends_with_its_client(between: Proxy, server: RegistryServer) -> None:
    between.fail("GET ", hang())
    with pytest.raises(TimeoutError):
        Client(between, seconds=0.3).ask()
    assert server.requests == []


def test_a_half_closed_connection_says_that_nothing_comes(between: Proxy, server: RegistryServer) -> None:
    between.fail("GET ", half_close())
    client = Client(between)
    with pytest.raises(http.client.RemoteDisconnected):
        client.ask()
    assert server.requests == []


def test_late_but_right(between: Proxy) -> None:
    between.fail("GET ", delay(0.2))
    started = time.monotonic()
    assert Client(between).ask().status == 200
    assert time.monotonic() - started >= 0.2


def test_replies_that_are_short(between: Proxy) -> None:
    between.fail("GET ", cut_reply(5))
    between.fail("GET ", truncated(5), after=1)
    with pytest.raises(http.client.IncompleteRead) as caught:
        Client(between).ask().read()
    assert len(caught.value.partial) == 5
    reply = Client(between).ask()
    assert (len(reply.read()), reply.headers["Content-Type"]) == (5, MEDIA_TYPE)


def test_a_reply_about_other_content(between: Proxy) -> None:
    between.fail("HEAD ", wrong_digest("sha256:other"))
    assert Client(between).ask("HEAD").headers["Docker-Content-Digest"] == "sha256:other"


def test_a_fault_that_never_fired_fails_the_check(between: Proxy) -> None:
    between.fail("DELETE ", hang())
    Client(between).ask().read()
    with pytest.raises(AssertionError, match=r"never fired: \['DELETE '\]; asked: \['GET /v2/acme"):
        between.check()
