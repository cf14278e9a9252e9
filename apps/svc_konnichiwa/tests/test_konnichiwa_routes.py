"""The routes of svc-konnichiwa, without a server."""

from __future__ import annotations

import os
import platform

import pytest
from pydantic import SecretStr
from svc_konnichiwa.inspection import resident
from svc_konnichiwa.main import Settings, create

from servicekit.settings import load
from tests.services.described import DescribedClient

KEY = "0123456789abcdef"


@pytest.fixture
def client() -> DescribedClient:
    return DescribedClient(create(Settings(api_key=SecretStr(KEY))))


def test_it_says_hello(client: DescribedClient) -> None:
    assert client.get("/").json() == {"message": "こんにちは"}
    assert client.get("/", params={"name": "Ada"}).json() == {"message": "こんにちは、Adaさん"}
    assert client.get("/", params={"name": "x" * 101}).status_code == 422
    assert client.get("/health").json() == {"service": "svc-konnichiwa", "ready": True, "failures": []}


def test_it_describes_itself_to_the_holder_of_the_key(client: DescribedClient) -> None:
    reply = client.get("/inspect", headers={"Authorization": f"Bearer {KEY}"})
    told = reply.json()
    assert (told["python"], told["user"], told["process"]) == (platform.python_version(), os.getuid(), os.getpid())
    assert told["memory"] > 1 << 20
    assert "fastapi" in told["packages"]
    assert KEY not in reply.text


@pytest.mark.parametrize(
    ("sent", "status", "challenge"),
    [
        ({}, 401, "Bearer"),
        ({"Authorization": "Basic x"}, 401, "Bearer"),
        ({"Authorization": "Bearer wrong"}, 401, 'Bearer error="invalid_token"'),
        ({"Authorization": "Bearer a b"}, 400, 'Bearer error="invalid_request"'),
    ],
)
def test_it_describes_itself_to_no_other_client(
    client: DescribedClient, sent: dict[str, str], status: int, challenge: str
) -> None:
    refused = client.get("/inspect", headers=sent)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (status, challenge)
    assert refused.headers["content-type"] == "application/problem+json"
    assert "packages" not in refused.text


@pytest.mark.parametrize(
    ("environment", "said"),
    [({}, "settings: API_KEY: Field required"), ({"API_KEY": ""}, "API_KEY"), ({"API_KEY": "two words"}, "API_KEY")],
)
def test_it_refuses_to_start_without_a_key(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str
) -> None:
    monkeypatch.delenv("API_KEY", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        load(Settings)
    assert said in str(ended.value)
    assert "two words" not in str(ended.value)


def test_the_api_document_names_the_scheme(client: DescribedClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["paths"]["/inspect"]["get"]["security"] == [{"API_KEY": []}]
    assert document["components"]["securitySchemes"]["API_KEY"] == {"type": "http", "scheme": "bearer"}


def test_memory_is_counted_in_pages() -> None:
    assert resident("9000 250 100 1 0 2000 0\n", 4096) == 250 * 4096
