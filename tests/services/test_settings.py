"""A service's settings: read from the environment, all mistakes told together, no secret shown."""

from __future__ import annotations

import pytest
from pydantic import PositiveFloat, PositiveInt, SecretStr, ValidationError

from servicekit.settings import HttpUrl, ServiceSettings, load

KEY = "hunter2-hunter2"


class Settings(ServiceSettings):
    neo4j_url: str
    neo4j_password: SecretStr = SecretStr("")
    max_bytes: PositiveInt = 10
    verify: bool = True


def environment(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_a_field_is_read_from_its_variable_and_the_rest_keep_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, NEO4J_URL="bolt://db:7687", MAX_BYTES="2048", UNKNOWN="x")
    settings = load(Settings)
    assert (settings.neo4j_url, settings.max_bytes, settings.verify) == ("bolt://db:7687", 2048, True)


def test_all_mistakes_are_reported_together_without_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, MAX_BYTES="-5", VERIFY="maybe", NEO4J_PASSWORD=KEY)
    with pytest.raises(SystemExit) as caught:
        load(Settings)
    told = str(caught.value)
    assert [name for name in ("NEO4J_URL", "MAX_BYTES", "VERIFY") if f"{name}: " in told] == [
        "NEO4J_URL",
        "MAX_BYTES",
        "VERIFY",
    ]
    assert "maybe" not in told and KEY not in told
    assert caught.value.__suppress_context__, "a traceback would show the values"


@pytest.mark.parametrize(("port", "uvicorn_port", "refused"), [("9000", "8080", True), ("9000", "9000", False)])
def test_a_port_that_the_server_does_not_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, port: str, uvicorn_port: str, refused: bool
) -> None:
    environment(monkeypatch, NEO4J_URL="bolt://db", PORT=port, UVICORN_PORT=uvicorn_port)
    if refused:
        environment(monkeypatch, MAX_BYTES="0")
        with pytest.raises(SystemExit, match=r"PORT: set UVICORN_PORT instead.*; MAX_BYTES: "):
            load(Settings)
    else:
        assert load(Settings).max_bytes == 10


class Numbers(ServiceSettings):
    seconds: PositiveFloat = 1
    url: HttpUrl = ""


@pytest.mark.parametrize("value", ["inf", "nan", "1e999", "-1"])
def test_no_setting_is_infinite(value: str) -> None:
    with pytest.raises(ValidationError):
        Numbers(seconds=float(value))


@pytest.mark.parametrize(
    ("url", "good"), [("http://ocr:8080/read", True), ("", True), ("ocr:8080", False), ("http://", False)]
)
def test_the_url_of_a_service_is_one(url: str, good: bool) -> None:
    if good:
        assert Numbers(url=url).url == url
    else:
        with pytest.raises(ValidationError, match="not an http:// or https:// URL"):
            Numbers(url=url)


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, NEO4J_URL="bolt://db", NEO4J_PASSWORD=KEY)
    settings = load(Settings)
    assert KEY not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.neo4j_password.get_secret_value() == KEY
