"""A service's settings: read from the environment, every mistake told at once."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from servicekit.settings import from_environment


@dataclass(frozen=True)
class Settings:
    neo4j_url: str
    max_bytes: int = 10
    timeout: float = 1.5
    verify: bool = True
    places: list[str] = field(default_factory=list)


def test_a_field_is_read_from_its_variable_and_the_rest_keep_their_defaults() -> None:
    settings = from_environment(Settings, {"NEO4J_URL": "bolt://db:7687", "MAX_BYTES": "2048", "OTHER": "x"})
    assert settings == Settings(neo4j_url="bolt://db:7687", max_bytes=2048)


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO4J_URL", "bolt://here:7687")
    monkeypatch.setenv("TIMEOUT", "0.25")
    assert from_environment(Settings) == Settings(neo4j_url="bolt://here:7687", timeout=0.25)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", True), ("true", True), ("Yes", True), ("0", False), ("FALSE", False), ("no", False)],
)
def test_booleans_have_six_spellings(text: str, expected: bool) -> None:
    assert from_environment(Settings, {"NEO4J_URL": "", "VERIFY": text}).verify is expected


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(ValueError) as caught:
        from_environment(Settings, {"MAX_BYTES": "ten", "TIMEOUT": "", "VERIFY": "maybe"})
    assert str(caught.value) == (
        "NEO4J_URL is not set; MAX_BYTES='ten' is no int; TIMEOUT='' is no float; VERIFY='maybe' is no bool"
    )


def test_a_set_but_empty_text_is_a_value() -> None:
    assert from_environment(Settings, {"NEO4J_URL": ""}).neo4j_url == ""
