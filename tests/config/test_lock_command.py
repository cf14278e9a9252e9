"""The keys lock-command and mirror-roots: a value, or a fault with its line."""

from __future__ import annotations

import pytest

from slipway.config.project import parse_project


def test_the_words_of_the_command() -> None:
    project, problems = parse_project(b"lock-command = \"nox -s 'a b'\"\n", "slipway.toml")
    assert not problems and project.lock_command == ("nox", "-s", "a b")
    assert ("lock-command", "nox -s a b", "slipway.toml:1") in project.shown


def test_a_mirror_is_wanted_or_not() -> None:
    project, _ = parse_project(b"mirror-roots = true\n", "slipway.toml")
    assert project.mirror_roots and ("mirror-roots", "true", "slipway.toml:1") in project.shown
    _, (problem,) = parse_project(b'mirror-roots = "yes"\n', "slipway.toml")
    assert problem.what == "mirror-roots is true or false"


@pytest.mark.parametrize("value", ['""', "3", '"a \'b"', '["nox"]'])
def test_a_value_that_is_not_a_command(value: str) -> None:
    _, (problem,) = parse_project(f"lock-command = {value}\n".encode(), "slipway.toml")
    assert (problem.where, problem.what) == ("slipway.toml:1", "lock-command is a command")
