"""A service's settings: read from the environment, all mistakes told together, no secret shown."""

from __future__ import annotations

import pytest
from pydantic import PositiveInt, SecretStr

from servicekit.settings import ServiceSettings, load

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


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, NEO4J_URL="bolt://db", NEO4J_PASSWORD=KEY)
    settings = load(Settings)
    assert KEY not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.neo4j_password.get_secret_value() == KEY
