"""Test the redirects of single requests, and the answers to a challenge that a redirect moves."""

from __future__ import annotations

from base64 import b64encode

import pytest
from urllib3 import HTTPHeaderDict

from slipway.core.errors import RegistryError
from slipway.engine import Credentials
from slipway.registry import Registry
from slipway.registry.transport import LOGIN, Message, Reply, Transport
from slipway.secrets.secret import Secret
from slipway.testing.fakes import HASTE, RegistryServer

HERE = "https://registry.example.com/v2/acme/x/blobs/sha256:aa"
ASKED = Message("PUT", HERE, (1, 1), {LOGIN: "Bearer t", "Content-Type": "text/plain"}, b"content")


def reply(status: int, location: str) -> Reply:
    return Reply(HERE, status, HTTPHeaderDict({"location": location}))


@pytest.mark.parametrize("location", ["/other", "https://registry.example.com:443/other"])
def test_a_redirect_on_the_same_origin_keeps_the_login(location: str) -> None:
    moved = ASKED.redirected(reply(307, location))
    assert moved.url.endswith("/other")
    assert (moved.method, moved.headers, moved.body) == (ASKED.method, ASKED.headers, ASKED.body)


@pytest.mark.parametrize("location", ["https://cdn.example.com/x", "http://registry.example.com/x"])
def test_a_redirect_to_another_origin_gets_no_login(location: str) -> None:
    assert ASKED.redirected(reply(307, location)).headers == {"Content-Type": "text/plain"}


@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "PUT"), (308, "PUT")])
def test_a_body_goes_to_another_origin_after_307_and_308_alone(status: int, method: str) -> None:
    moved = ASKED.redirected(reply(status, "https://cdn.example.com/x"))
    assert (moved.method, bool(moved.body)) == (method, method == "PUT")


def test_a_reply_without_a_location_does_not_redirect() -> None:
    assert Reply(HERE, 302, HTTPHeaderDict()).redirect == ""
    assert Reply(HERE, 201, HTTPHeaderDict({"Location": "/x"})).redirect == ""


def test_another_host_gets_no_login() -> None:
    """The other host would accept it, and answers 401 because none arrived."""
    with RegistryServer() as other, RegistryServer() as server:
        other.login = ("basic", "alice", "s3cret")
        server.fault("GET", 307, headers={"Location": f"http://{other.host}/v2/"})
        login = f"Basic {b64encode(b'alice:s3cret').decode()}"
        transport = Transport(f"http://{server.host}", None, direct=True)
        direct = transport.follow(Message("GET", f"http://{other.host}/v2/", (5, 5), {LOGIN: login}))
        redirected = transport.follow(Message("GET", f"http://{server.host}/v2/", (5, 5), {LOGIN: login}))
        assert (direct.status, redirected.status, redirected.url) == (200, 401, f"http://{other.host}/v2/")


def test_an_identity_token_follows_no_redirect_to_plain_http() -> None:
    """The POST of the token would travel unencrypted."""
    login = Credentials(identity_token=Secret("identity"))
    with RegistryServer() as server:
        challenge = {"WWW-Authenticate": f'Bearer realm="http://{server.host}/token",service="x"'}
        server.fault("HEAD", 401, headers=challenge)
        server.fault("POST /token", 307, headers={"Location": "http://192.0.2.1/token"})
        with pytest.raises(RegistryError):
            Registry(server.host, lambda host: login, HASTE).digest(server.reference("acme/x", "v1"))
        assert [asked.split()[0] for asked in server.requests] == ["HEAD", "POST"]
