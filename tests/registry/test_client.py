"""The registry's client against a real HTTP server on loopback, with the faults that registries have."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.utils import formatdate
from functools import partial
from pathlib import Path
from time import time

import pytest

from slipway.core.addresses import base_url, is_private
from slipway.core.clock import Clock
from slipway.core.errors import PolicyError, RefusedError, RegistryError
from slipway.core.reference import Reference
from slipway.core.retry import RetryPolicy
from slipway.engine import Credentials
from slipway.registry import ImageManifest, Registry
from slipway.secrets.secret import Secret
from slipway.testing.fakes import MEDIA_TYPE, RegistryServer, digest_of
from tests.registry.indexes import add_index
from tests.rig.foreign import ForeignServer

ALICE = Credentials("alice", Secret("s3cret"))


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    """The seconds that the client would have slept."""
    return []


def patient(waits: list[float]) -> RetryPolicy:
    """Notes the waits instead of waiting, and tries at even intervals."""
    return RetryPolicy(clock=Clock(sleep=waits.append), chance=lambda: 0.5)


@pytest.fixture
def registry(server: RegistryServer, waits: list[float]) -> Registry:
    return Registry(server.host, lambda host: ALICE, patient(waits))


def test_the_platforms_of_an_index_are_those_whose_manifests_are_there(
    server: RegistryServer, registry: Registry
) -> None:
    members = {f"linux/{name}": server.add("acme/b", name, salt=name) for name in ("amd64", "arm64")}
    add_index(server, "acme/b", "v1", {**members, "unknown/unknown": members["linux/amd64"]})
    assert registry.platforms(server.reference("acme/b", "v1")) == {*members}
    del server.manifests["acme/b", members["linux/arm64"]]
    assert registry.platforms(server.reference("acme/b", "v1")) == {"linux/amd64"}
    assert registry.platforms(server.reference("acme/b", "amd64")) == frozenset(), "it is not an index"


def refused(registry: Registry, reference: Reference) -> tuple[str, str]:
    with pytest.raises(RegistryError) as caught:
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
        ("LOCALHOST:5000", "http://LOCALHOST:5000"),
        ("[2001:db8::1]", "https://[2001:db8::1]"),
        ("Registry.Example.com", "https://Registry.Example.com"),
        ("docker.io", "https://registry-1.docker.io"),
        ("registry-1.docker.io", "https://registry-1.docker.io"),
        ("localhost.example.com:5000", "https://localhost.example.com:5000"),
        ("192.168.0.1:5000", "https://192.168.0.1:5000"),
    ],
)
def test_where_a_registry_is_and_plain_http_for_loopback_alone(host: str, url: str) -> None:
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
    with pytest.raises(RegistryError, match="svc-ocr:v1: 404"):
        registry.manifest(server.reference("acme/svc-ocr", "v1"))


def test_a_tag_is_moved_by_copying_the_manifest(server: RegistryServer, registry: Registry) -> None:
    digest = server.add("acme/svc-ocr", "in-1")
    registry.put(server.reference("acme/svc-ocr", "v2"), registry.manifest(server.reference("acme/svc-ocr", "in-1")))
    assert registry.digest(server.reference("acme/svc-ocr", "v2")) == digest


def test_a_manifest_with_another_digest_is_refused(server: RegistryServer, registry: Registry) -> None:
    digest = server.add("acme/x", "v1")
    fault = server.fault("GET .*manifests", body=b"{}")
    with pytest.raises(RegistryError) as caught:
        registry.manifest(Reference(server.host, "acme/x", digest=digest))
    assert caught.value.message == f"{server.host}/acme/x@{digest}: the registry answered {digest_of(b'{}')}"
    assert fault.struck == 1


@pytest.mark.fault("P04")
def test_a_server_error_is_tried_four_times(server: RegistryServer, registry: Registry, waits: list[float]) -> None:
    fault = server.fault("HEAD", 503, times=9)
    reference = server.reference("acme/x", "v1")
    assert refused(registry, reference) == (f"{reference}: manifest HEAD 503 after 4 tries", "invoke doctor")
    assert (fault.struck, waits) == (4, [1.0, 2.0, 4.0])


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_error_is_retried(
    server: RegistryServer, registry: Registry, waits: list[float], status: int
) -> None:
    digest = server.add("acme/x", "v1")
    fault = server.fault("HEAD", status, times=3)
    assert registry.digest(server.reference("acme/x", "v1")) == digest
    assert (fault.struck, waits) == (3, [1.0, 2.0, 4.0])


@pytest.mark.fault("P03")
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


@pytest.mark.fault("P03")
def test_a_wait_that_is_asked_for_costs_no_try_but_ten_minutes_are_enough(
    server: RegistryServer, registry: Registry, waits: list[float]
) -> None:
    fault = server.fault("HEAD", 429, times=99, headers={"Retry-After": "60"})
    reference = server.reference("acme/x", "v1")
    assert refused(registry, reference)[0] == f"{reference}: manifest HEAD 429 after 11 tries"
    assert (waits, fault.struck) == ([60.0] * 10, 11)


@pytest.mark.parametrize("page", [0, 1, 2, 5, 7])
def test_all_pages_of_the_tags_are_read(page: int) -> None:
    with RegistryServer(page=page) as server:
        for number in range(5):
            server.add("acme/x", f"v{number}", salt=str(number))
        found = Registry(server.host).tags(server.reference("acme/x", ""))
    assert found == ("v0", "v1", "v2", "v3", "v4")
    assert len(server.requests) == {0: 1, 1: 5, 2: 3, 5: 1, 7: 1}[page]


def test_a_list_of_tags_without_an_end_is_left(foreign: Callable[..., ForeignServer]) -> None:
    server = foreign(200, {"Link": '<http://elsewhere.test/v2/x/tags/list?last=v0>; rel="next"'}, b'{"tags": ["v1"]}')
    assert Registry(server.host).tags(Reference(server.host, "x")) == ("v1",)
    assert server.requests == ["GET /v2/x/tags/list", "GET /v2/x/tags/list?last=v0"]


@pytest.mark.fault("P02")
def test_denied_is_an_answer(server: RegistryServer, registry: Registry, waits: list[float]) -> None:
    fault = server.fault("PUT", 403, times=9)
    with pytest.raises(RegistryError) as caught:
        registry.put(server.reference("acme/x", "v1"), ImageManifest(b"{}", MEDIA_TYPE))
    assert caught.value.message == f"{server.host}/acme/x:v1: manifest PUT: denied without a login"
    assert caught.value.hint == f"docker login {server.host}, as a user who may push"
    assert (fault.struck, waits) == (1, [])


def test_a_cut_connection_is_tried_again(server: RegistryServer, registry: Registry, waits: list[float]) -> None:
    digest = server.add("acme/x", "v1")
    fault = server.fault("HEAD", lost=True, times=2)
    assert registry.digest(server.reference("acme/x", "v1")) == digest
    assert (fault.struck, waits) == (2, [1.0, 2.0])


def test_a_port_without_a_server_is_reported(waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        host = f"127.0.0.1:{free.getsockname()[1]}"
    registry = Registry(host, policy=patient(waits))
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
        registry = Registry(server.host, lambda host: ALICE, patient(waits))
        assert registry.digest(server.reference("acme/x", "v1")) == digest


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_login(kind: str, waits: list[float]) -> None:
    with RegistryServer(login=(kind, "alice", "s3cret")) as server:
        digest = server.add("acme/x", "v1")
        reference = server.reference("acme/x", "v1")
        registry = Registry(server.host, lambda host: ALICE, patient(waits))
        assert registry.answers()
        assert [registry.digest(reference), registry.digest(reference)] == [digest, digest]
        registry.put(server.reference("acme/x", "v2"), registry.manifest(reference))
        assert server.tags["acme/x", "v2"] == digest
        scopes = [request for request in server.requests if request.startswith("GET /token")]
        assert [("push" in scope) for scope in scopes] == ([False, True] if kind == "bearer" else [])


TOKEN = Credentials(identity_token=Secret("t0ken"))


@pytest.mark.fault("P34")
@pytest.mark.parametrize("held", [TOKEN, Credentials("alice", identity_token=Secret("t0ken"))])
def test_an_identity_token_is_given_for_tokens(held: Credentials, waits: list[float]) -> None:
    with RegistryServer(login=("identity", "", "t0ken")) as server:
        digest = server.add("acme/x", "v1")
        registry = Registry(server.host, lambda host: held, patient(waits))
        reference = server.reference("acme/x", "v1")
        registry.check_write(reference)
        assert [registry.digest(reference), registry.digest(reference)] == [digest, digest]
        assert [request for request in server.requests if "/token" in request] == ["POST /token"] * 2
        assert waits == []


@pytest.mark.fault("P34")
@pytest.mark.parametrize(
    ("held", "who"),
    [
        (Credentials(identity_token=Secret("expired")), "the token's owner"),
        (Credentials("alice", identity_token=Secret("expired")), "alice"),
    ],
)
def test_an_identity_token_that_is_not_taken(held: Credentials, who: str, waits: list[float]) -> None:
    with RegistryServer(login=("identity", "", "t0ken")) as server:
        reference = server.reference("acme/x", "v1")
        said = refused(Registry(server.host, lambda host: held, patient(waits)), reference)
        assert said == (f"{reference}: login to {server.host} as {who} failed", f"docker login {server.host}")
        assert server.requests.count("POST /token") == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"token": null}'])
def test_a_token_server_that_gives_no_token(body: bytes, waits: list[float]) -> None:
    with RegistryServer(login=("bearer", "alice", "s3cret")) as server:
        fault = server.fault("GET /token", body=body)
        reference = server.reference("acme/x", "v1")
        said, _ = refused(Registry(server.host, lambda host: ALICE, patient(waits)), reference)
        assert (said, fault.struck) == (f"{reference}: login to {server.host} as alice failed", 1)


@pytest.mark.fault("P37")
@pytest.mark.parametrize(("held", "actions"), [(ALICE, ["pull", "pull%2Cpush"]), (None, ["pull"])])
def test_a_repository_that_is_not_there_yet(held: Credentials | None, actions: list[str], waits: list[float]) -> None:
    """Docker Hub's token server grants no pull for it, but a user who may push may ask for its content."""
    with RegistryServer(login=("bearer", "alice", "s3cret")) as server:
        reference = server.reference("acme/x", "v1")
        challenge = f'Bearer realm="http://{server.host}/token",service="registry",error="insufficient_scope"'
        fault = server.fault("HEAD /v2/", 401, times=2, headers={"WWW-Authenticate": challenge})
        registry = Registry(server.host, lambda host: held, patient(waits))
        if held:
            assert registry.digest(reference) == ""
        else:
            assert refused(registry, reference)[0] == f"{reference}: the registry wants a login"
        asked = [request.rpartition("%3A")[2] for request in server.requests if "/token" in request]
        assert (asked, waits) == (actions, [])
        assert fault.struck == (2 if held else 1)


@pytest.mark.fault("P02")
@pytest.mark.parametrize(("held", "said"), [(ALICE, "denied to alice"), (None, "the registry wants a login")])
def test_a_token_that_allows_too_little(held: Credentials | None, said: str, waits: list[float]) -> None:
    """A token server takes a login and gives a token for less than was asked; the registry answers with 401."""
    with RegistryServer(login=("bearer", "alice", "s3cret")) as server:
        reference = server.reference("acme/x", "v1")
        challenge = f'Bearer realm="http://{server.host}/token",service="registry",error="insufficient_scope"'
        server.fault("POST /v2/", 401, times=2, headers={"WWW-Authenticate": challenge})
        with pytest.raises(RefusedError) as caught:
            Registry(server.host, lambda host: held, patient(waits)).check_write(reference)
        assert caught.value.message == f"{server.host}/acme/x: upload: {said}"


def test_a_token_that_expired_is_renewed(waits: list[float]) -> None:
    with RegistryServer(login=("bearer", "alice", "s3cret")) as server:
        digest = server.add("acme/x", "v1")
        registry = Registry(server.host, lambda host: ALICE, patient(waits))
        assert registry.digest(server.reference("acme/x", "v1")) == digest
        server.expire_tokens()
        assert registry.digest(server.reference("acme/x", "v1")) == digest


@pytest.mark.fault("P01")
@pytest.mark.parametrize("kind", ["basic", "bearer"])
@pytest.mark.parametrize("held", [None, Credentials("alice", Secret("wrong")), Credentials()])
def test_no_login_or_a_wrong_one(kind: str, held: Credentials | None, waits: list[float]) -> None:
    with RegistryServer(login=(kind, "alice", "s3cret")) as server:
        registry = Registry(server.host, lambda host: held, patient(waits))
        reference = server.reference("acme/x", "v1")
        said = f"login to {server.host} as alice failed" if held and held.username else "the registry wants a login"
        assert refused(registry, reference) == (
            f"{reference}: {said}",
            f"docker login {server.host}",
        )
        assert len(server.requests) <= 3
        assert waits == []


def test_credentials_are_asked_for_only_when_wanted(server: RegistryServer, waits: list[float]) -> None:
    def never(host: str) -> Credentials:
        raise AssertionError("asked for credentials")

    server.add("acme/x", "v1")
    assert Registry(server.host, never, patient(waits)).digest(server.reference("acme/x", "v1"))


def test_an_error_of_the_registry_is_quoted_short(server: RegistryServer, registry: Registry) -> None:
    server.add("acme/x", "v1")
    server.fault("GET", 400)
    with pytest.raises(RegistryError, match=r"acme/x:v1: 400"):
        registry.manifest(server.reference("acme/x", "v1"))


def test_pauses_vary_between_clients(server: RegistryServer) -> None:
    waits: list[float] = []
    server.fault("HEAD", 503, times=9)
    for chance in (0.0, 1.0):
        registry = Registry(
            server.host, policy=RetryPolicy(clock=Clock(sleep=waits.append), chance=partial(float, chance))
        )
        with pytest.raises(RegistryError):
            registry.digest(server.reference("acme/x", "v1"))
    assert waits == [0.75, 1.5, 3.0, 1.25, 2.5, 5.0]


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_whether_a_login_may_write_is_found_out_without_writing(kind: str, waits: list[float]) -> None:
    with RegistryServer(login=(kind, "alice", "s3cret")) as server:
        Registry(server.host, lambda host: ALICE, patient(waits)).check_write(server.reference("acme/x", "v1"))
        asked = [request for request in server.requests if "/token" not in request]
        assert asked[-2:] == ["POST /v2/acme/x/blobs/uploads/", "DELETE /v2/acme/x/blobs/uploads/one"]
        assert all("pull%2Cpush" in request for request in server.requests if "/token" in request)
        assert (server.tags, server.blobs) == ({}, {})


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (0, ["POST mount"]),
        (202, ["POST mount", "DELETE one"]),
        (405, ["POST mount", "POST ", "DELETE one"]),
    ],
)
def test_a_mount_of_an_own_blob_shows_that_a_login_may_write(
    server: RegistryServer, registry: Registry, status: int, asked: list[str]
) -> None:
    """A registry that mounts it needs one request. Another one starts an upload, or refuses the mount."""
    server.add("acme/x", "v1", id="sha256:held")
    before = dict(server.blobs)
    if status:
        server.fault("mount=", status, headers={"Location": "/v2/acme/x/blobs/uploads/one"})
    registry.check_write(server.reference("acme/x", "v1"), "sha256:held")
    query = "?mount=sha256%3Aheld&from=acme%2Fx"
    told = [request.replace("/v2/acme/x/blobs/uploads/", "").replace(query, "mount") for request in server.requests]
    assert (told, server.blobs) == (asked, before)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_mount_is_final(server: RegistryServer, registry: Registry, status: int) -> None:
    server.fault("mount=", status)
    with pytest.raises(RefusedError, match="acme/x: upload: "):
        registry.check_write(server.reference("acme/x", "v1"), "sha256:held")
    assert len(server.requests) == 1


def test_a_manifest_that_came_with_its_digest_is_asked_once(server: RegistryServer, registry: Registry) -> None:
    digest, tag = server.add("acme/x", "v1"), server.reference("acme/x", "v1")
    assert registry.fetched_digest(tag) == registry.manifest(replace(tag, tag="", digest=digest)).digest == digest
    assert registry.fetched_digest(tag.tagged("v2")) == ""
    assert server.requests == ["GET /v2/acme/x/manifests/v1", "GET /v2/acme/x/manifests/v2"]


def test_an_upload_that_is_elsewhere_is_not_followed_with_a_login(server: RegistryServer, registry: Registry) -> None:
    server.fault("POST", 202, headers={"Location": "http://elsewhere.example/uploads/1"})
    registry.check_write(server.reference("acme/x", "v1"))
    assert server.requests == ["POST /v2/acme/x/blobs/uploads/"]


def test_a_token_server_that_stumbles_is_asked_again(waits: list[float]) -> None:
    with RegistryServer(login=("bearer", "alice", "s3cret")) as server:
        digest = server.add("acme/x", "v1")
        fault = server.fault("GET /token", 503, times=2)
        registry = Registry(server.host, lambda host: ALICE, patient(waits))
        assert registry.digest(server.reference("acme/x", "v1")) == digest
        assert (fault.struck, waits) == (2, [1.0, 2.0])


def test_a_long_wait_is_reported(server: RegistryServer) -> None:
    digest = server.add("acme/x", "v1")
    server.fault("HEAD", 429, headers={"Retry-After": "90"})
    server.fault("HEAD", 503)
    told: list[str] = []
    reference = server.reference("acme/x", "v1")
    registry = Registry(server.host, policy=RetryPolicy(clock=Clock(sleep=lambda seconds: None), tell=told.append))
    assert registry.digest(reference) == digest
    assert told == [f"{reference}: manifest HEAD 429: waiting 90 s"]


@pytest.mark.fault("P05")
def test_a_body_that_is_too_large_names_the_directive(
    server: RegistryServer, registry: Registry, waits: list[float]
) -> None:
    fault = server.fault("PUT", 413, times=9)
    with pytest.raises(RefusedError) as caught:
        registry.put(server.reference("acme/x", "v1"), ImageManifest(b"{}", MEDIA_TYPE))
    assert caught.value.message == (
        f"{server.host}/acme/x:v1: manifest PUT: 413, too large for {server.host} or a proxy before it"
    )
    assert "nginx: client_max_body_size" in caught.value.hint
    assert (caught.value.exit_code, fault.struck, waits, server.tags) == (7, 1, [], {})


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("10.1.2.3", True),
        ("192.168.0.1:5000", True),
        ("172.17.0.2:5000", True),
        ("127.0.0.1:5000", True),
        ("[fd00::1]:5000", True),
        ("localhost:5000", True),
        ("8.8.8.8:5000", False),
        ("[2606:4700::1]:5000", False),
        ("registry.example.com", False),
        ("registry:5000", False),
    ],
)
def test_addresses_of_private_networks_are_private(host: str, private: bool) -> None:
    assert is_private(host) is private


@pytest.fixture
def nearby(server: RegistryServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """A private address, not loopback, at which the server listens."""
    real, port = socket.getaddrinfo, int(server.host.rpartition(":")[2])
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, *more: real("127.0.0.1", port, *more))
    return f"10.1.2.3:{port}"


@pytest.mark.fault("P09")
def test_plain_http_needs_the_registry_in_the_list(server: RegistryServer, nearby: str, waits: list[float]) -> None:
    digest = server.add("acme/x", "v1")
    reference = Reference(nearby, "acme/x", "v1")
    assert Registry(nearby, policy=patient(waits), insecure=[nearby]).digest(reference) == digest
    with pytest.raises(RegistryError, match="TLS: the server at this address agreed on no protocol"):
        Registry(nearby, policy=patient(waits)).digest(reference)
    assert len(server.requests) == 1


@pytest.mark.fault("P09")
@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_no_login_travels_in_plain_http(server: RegistryServer, nearby: str, kind: str, waits: list[float]) -> None:
    server.login = (kind, "alice", "s3cret")
    registry = Registry(nearby, lambda host: ALICE, patient(waits), insecure=[nearby])
    with pytest.raises(PolicyError) as caught:
        registry.digest(Reference(nearby, "acme/x", "v1"))
    assert (caught.value.exit_code, caught.value.message) == (10, f"{nearby}: the login would travel in plain HTTP")
    assert caught.value.hint == f"TLS for {nearby}, or docker logout {nearby}"
    assert server.requests == ["HEAD /v2/acme/x/manifests/v1"]


@pytest.mark.fault("P09")
def test_no_token_is_asked_for_in_plain_http_elsewhere(
    server: RegistryServer, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    challenge = {"WWW-Authenticate": 'Bearer realm="http://tokens.example/",service="x"'}
    server.fault("HEAD", 401, headers=challenge)
    with pytest.raises(PolicyError, match=r"sends the login to http://tokens\.example/, in plain HTTP"):
        Registry(server.host, lambda host: ALICE, patient(waits)).digest(server.reference("acme/x", "v1"))


@pytest.mark.fault("P19")
def test_a_proxy_of_the_environment_is_taken_but_never_to_loopback(
    server: RegistryServer, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{server.host}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    away = Registry("10.1.2.3:5000", policy=patient(waits), insecure=["10.1.2.3:5000"])
    assert away.digest(Reference("10.1.2.3:5000", "acme/x", "v1")) == ""
    assert server.requests == ["HEAD http://10.1.2.3:5000/v2/acme/x/manifests/v1"]
    with RegistryServer() as other:
        assert Registry(other.host, policy=patient(waits)).digest(other.reference("acme/x", "v1")) == ""
        assert (other.requests, len(server.requests)) == (["HEAD /v2/acme/x/manifests/v1"], 1)
