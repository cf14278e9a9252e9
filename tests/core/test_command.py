"""A command is a value; a secret does not show itself."""

from __future__ import annotations

import json
import shlex
import traceback
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.core.command import Command, Result
from slipway.secrets.secret import NO_SECRET, Secret


@pytest.mark.parametrize(
    "shown",
    [str, repr, "{}".format, "{:>8}".format, "%s".__mod__, lambda secret: repr([secret]), lambda secret: f"{secret!r}"],
)
def test_a_secret_does_not_show(shown: object) -> None:
    text = shown(Secret("hunter2"))  # type: ignore[operator]
    assert "***" in text
    assert "hunter2" not in text


def test_a_secret_does_not_show_in_an_error() -> None:
    secret = Secret("hunter2")
    with pytest.raises(TypeError) as caught:
        json.dumps(secret)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert secret.reveal() == "hunter2"


def test_secrets_compare_and_an_empty_one_is_false() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert not NO_SECRET
    assert Secret("a")


def test_a_command_reads_as_one_would_type_it() -> None:
    command = Command(("docker", "build", "a b", "--label", "x=$y"), env={"A": "1 2"})
    assert str(command) == "A='1 2' docker build 'a b' --label 'x=$y'"
    assert command == Command(("docker", "build", "a b", "--label", "x=$y"), env={"A": "1 2"})
    assert replace(command, cwd="/x") != command
    assert asdict(command)["stdin"] == b""


@given(st.lists(st.text(min_size=1), min_size=1))
def test_a_shell_would_split_it_back(words: list[str]) -> None:
    assert shlex.split(str(Command(tuple(words)))) == words


def test_a_result_is_good_or_not() -> None:
    assert Result(0).ok
    assert not Result(1).ok
    assert not Result(-9).ok


def test_a_secret_shows_exactly_three_stars() -> None:
    secret = Secret("hunter2")
    assert (str(secret), repr(secret), f"{secret}", f"{secret:>5}") == ("***", "Secret('***')", "***", "  ***")
    assert secret.reveal() == "hunter2"


def test_fields_without_a_value_are_empty() -> None:
    assert Command(("true",)) == Command(("true",), cwd="", env={}, stdin=b"", label="")
    assert Result(0) == Result(0, stdout="", stderr="", seconds=0.0)
