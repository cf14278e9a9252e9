"""The registry's client against a real HTTP server on loopback, with the faults that registries have."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest

from slipway.command import Secret
from slipway.engine import Credentials
from slipway.errors import PushError
from slipway.model import Reference
from slipway.registry import Manifest, Registry, base_url
from slipway.testing.fakes import MEDIA_TYPE, RegistryServer, digest_of

ALICE = Credentials("alice", Secret("s3cret"))


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    """The seconds that the client would have slept."""
    return []


@pytest.fixture
def registry(server: RegistryServer, waits: list[float]) -> Registry:
    return Registry(server.host, lambda host: ALICE, waits.append)


def refused(registry: Registry, reference: Reference) -> tuple[str, str]:
    with pytest.raises(PushError) as caught:
        registry.digest(reference)
    assert caught.value.exit_code == 7
    return caught.value.message, caught.value.hint


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("localhost:5000", "http://localhost:5000"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("127.8.0.1", "http://127.8.0.1"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("registry.example.com", "https://registry.example.com"),
        ("localhost.example.com:5000", "https://localhost.example.com:5000"),
        ("192.168.0.1:5000", "https://192.168.0.1:5000"),
    ],
)
def test_plain_http_is_for_loopback_alone(host: str, url: str) -> None:
    assert base_url(host) == url


def test_a_tag_and_its_content(server: RegistryServer, registry: Registry, waits: list[float]) -> None:
    digest = server.add("acme/svc-ocr", "v1", labels={"slipway.input": "sha256:1"})
    reference = server.reference("acme/svc-ocr", "v1")
    assert registry.digest(reference) == digest
    assert registry.manifest(reference).digest == digest
    assert registry.manifest(reference).media_type == MEDIA_TYPE
    assert registry.config(reference)["config"]["Labels"] == {"slipway.input": "sha256:1"}
    assert waits == []


def test_not_found_is_an_answer_and_asked_once(server: RegistryServer, registry: Registry) -> None:
    assert registry.digest(server.reference("acme/svc-ocr", "v1")) == ""
    assert server.requests == ["HEAD /v2/acme/svc-ocr/manifests/v1"]
    with pytest.raises(PushError, match="svc-ocr:v1: 404"):
        registry.manifest(server.reference("acme/svc-ocr", "v1"))


def test_a_tag_is_moved_by_copying_the_manifest(server: RegistryServer, registry: Registry) -> None:
    digest = server.add("acme/svc-ocr", "in-1")
    registry.put(server.reference("acme/svc-ocr", "v2"), registry.manifest(server.reference("acme/svc-ocr", "in-1")))
    assert registry.digest(server.reference("acme/svc-ocr", "v2")) == digest


def test_bytes_that_are_not_what_their_digest_says(server: RegistryServer, registry: Registry) -> None:
    digest = server.add("acme/x", "v1")
    fault = server.fault("GET .*manifests", body=b"{}")
    with pytest.raises(PushError) as caught:
        registry.manifest(Reference(server.host, "acme/x", digest=digest))
    assert caught.value.message == f"{server.host}/acme/x@{digest}: the registry answered {digest_of(b'{}')}"
    assert fault.struck == 1


def test_a_server_error_is_tried_four_times(server: RegistryServer, registry: Registry, waits: list[float]) -> None:
    fault = server.fault("HEAD", 503, times=9)
    reference = server.reference("acme/x", "v1")
    assert refused(registry, reference) == (f"{reference}: manifest HEAD 503 after 4 tries", "invoke doctor")
    assert (fault.struck, waits) == (4, [1.0, 2.0, 4.0])


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_one_that_passes_is_no_failure(
    server: RegistryServer, registry: Registry, waits: list[float], status: int
) -> None:
    digest = server.add("acme/x", "v1")
    fault = server.fault("HEAD", status, times=3)
    assert registry.digest(server.reference("acme/x", "v1")) == digest
    assert (fault.struck, waits) == (3, [1.0, 2.0, 4.0])


@pytest.mark.parametrize(("asked", "waited"), [("7", 7.0), ("0", 1.0), ("9999", 120.0), ("soon", 1.0), ("", 1.0)])
def test_as_long_as_the_registry_asks(
    server: RegistryServer, registry: Registry, waits: list[float], asked: str, waited: float
) -> None:
    digest = server.add("acme/x", "v1")
    server.fault("HEAD", 429, headers={"Retry-After": asked})
    assert registry.digest(server.reference("acme/x", "v1")) == digest
    assert waits == [waited]


def test_until_the_date_the_registry_asks(server: RegistryServer, registry: Registry, waits: list[float]) -> None:
    server.add("acme/x", "v1")
    server.fault("HEAD", 429, headers={"Retry-After": formatdate(time() + 30, usegmt=True)})
    registry.digest(server.reference("acme/x", "v1"))
    assert 27 < waits[0] <= 30


def test_nobody_waits_before_giving_up(server: RegistryServer, registry: Registry, waits: list[float]) -> None:
    server.fault("HEAD", 429, times=9, headers={"Retry-After": "60"})
    reference = server.reference("acme/x", "v1")
    assert refused(registry, reference)[0] == f"{reference}: manifest HEAD 429 after 4 tries"
    assert waits == [60.0, 60.0, 60.0]


def test_denied_is_an_answer(server: RegistryServer, registry: Registry, waits: list[float]) -> None:
    fault = server.fault("PUT", 403, times=9)
    with pytest.raises(PushError) as caught:
        registry.put(server.reference("acme/x", "v1"), Manifest(b"{}", MEDIA_TYPE))
    assert caught.value.message == f"{server.host}/acme/x:v1: manifest PUT: denied to this login"
    assert caught.value.hint == f"docker login {server.host}, as one who may write there"
    assert (fault.struck, waits) == (1, [])


def test_a_cut_connection_is_tried_again(server: RegistryServer, registry: Registry, waits: list[float]) -> None:
    digest = server.add("acme/x", "v1")
    fault = server.fault("HEAD", lost=True, times=2)
    assert registry.digest(server.reference("acme/x", "v1")) == digest
    assert (fault.struck, waits) == (2, [1.0, 2.0])


def test_nobody_listens(waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        host = f"127.0.0.1:{free.getsockname()[1]}"
    registry = Registry(host, sleep=waits.append)
    assert (
        refused(registry, Reference(host, "acme/x", "v1"))[0] == f"{host}/acme/x:v1: connection refused after 4 tries"
    )
    assert not registry.answers()


def test_a_netrc_takes_nothing_from_the_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login mallory password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with RegistryServer(login=("bearer", "alice", "s3cret")) as server:
        digest = server.add("acme/x", "v1")
        registry = Registry(server.host, lambda host: ALICE, waits.append)
        assert registry.digest(server.reference("acme/x", "v1")) == digest


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_login(kind: str, waits: list[float]) -> None:
    with RegistryServer(login=(kind, "alice", "s3cret")) as server:
        digest = server.add("acme/x", "v1")
        reference = server.reference("acme/x", "v1")
        registry = Registry(server.host, lambda host: ALICE, waits.append)
        assert registry.answers()
        assert [registry.digest(reference), registry.digest(reference)] == [digest, digest]
        registry.put(server.reference("acme/x", "v2"), registry.manifest(reference))
        assert server.tags["acme/x", "v2"] == digest
        scopes = [request for request in server.requests if request.startswith("GET /token")]
        assert [("push" in scope) for scope in scopes] == ([False, True] if kind == "bearer" else [])


def test_a_token_that_expired_is_renewed(waits: list[float]) -> None:
    with RegistryServer(login=("bearer", "alice", "s3cret")) as server:
        digest = server.add("acme/x", "v1")
        registry = Registry(server.host, lambda host: ALICE, waits.append)
        assert registry.digest(server.reference("acme/x", "v1")) == digest
        server.expire_tokens()
        assert registry.digest(server.reference("acme/x", "v1")) == digest


@pytest.mark.parametrize("kind", ["basic", "bearer"])
@pytest.mark.parametrize("held", [None, Credentials("alice", Secret("wrong")), Credentials()])
def test_no_login_or_a_wrong_one(kind: str, held: Credentials | None, waits: list[float]) -> None:
    with RegistryServer(login=(kind, "alice", "s3cret")) as server:
        registry = Registry(server.host, lambda host: held, waits.append)
        reference = server.reference("acme/x", "v1")
        assert refused(registry, reference) == (
            f"{reference}: the registry wants a login",
            f"docker login {server.host}",
        )
        assert len(server.requests) <= 3
        assert waits == []


def test_credentials_are_asked_for_only_when_wanted(server: RegistryServer, waits: list[float]) -> None:
    def never(host: str) -> Credentials:
        raise AssertionError("asked for credentials")

    server.add("acme/x", "v1")
    assert Registry(server.host, never, waits.append).digest(server.reference("acme/x", "v1"))


def test_what_the_registry_says_is_quoted_short(server: RegistryServer, registry: Registry) -> None:
    server.add("acme/x", "v1")
    server.fault("GET", 400)
    with pytest.raises(PushError, match=r"acme/x:v1: 400"):
        registry.manifest(server.reference("acme/x", "v1"))
