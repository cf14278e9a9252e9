"""compose's `.env`, which is wider than slipway's; `tests/integration/test_compose_oracle.py` compares both."""

from __future__ import annotations

import pytest

from slipway.core.errors import UsageError
from slipway.stack.declarations.env_file import parse_env_file


@pytest.mark.parametrize(
    ("line", "value"),
    [
        *[("A=plain", "plain"), ("A = spaced  ", "spaced"), ("A: yaml", "yaml"), ("export A=x", "x"), ("A=", "")],
        *[("A=a b # c", "a b"), ("A=a#b", "a#b"), ("A= # c", "# c"), ("A=1=2", "1=2"), ("A=a\\nb", "a\\nb")],
        *[("A='$X # x'", "$X # x"), (r"A='it\'s'", "it's"), ("A='two\nlines' # c", "two\nlines"), (r"A='a\n'", r"a\n")],
        *[('A="$X # x" # c', "x # x"), (r'A="a\nb\t\"\$X\" \q"', 'a\nb\t"$X" \\q'), ('A="$$X"', "$X")],
        *[("A=$X-${X}-${NO:-d}-$$x", "x-x-d-$x"), ("A=$NO", ""), ("\ufeffA=x", "x"), ("# c\n\nA=x\r\nB=y", "x")],
    ],
)
def test_a_value(line: str, value: str) -> None:
    assert parse_env_file(line, {"X": "x"})["A"] == value


def test_a_value_may_use_the_lines_above_and_the_environment_comes_first() -> None:
    assert parse_env_file("A=1\nB=$A\nX=file\nC=$X\n", {"X": "x"}) == {"A": "1", "B": "1", "X": "file", "C": "x"}


def test_a_name_alone_takes_the_value_of_the_environment() -> None:
    assert parse_env_file("X\nNO\nA=1", {"X": "x"}) == {"X": "x", "A": "1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1\n=2\n", "deploy/.env:2: is not NAME=value in compose's grammar"),
        ("A=1\n\nB='x\nC=2\n", "deploy/.env:3: B: its quote is not closed"),
        ("A=$(pwd)\n", "deploy/.env:1: A: a $ begins no variable"),
        ("A=1\nB=${NO:?needed}\n", "deploy/.env:2: B: needs the variable NO: needed"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_env_file(text, {}, "deploy/.env")
    assert message in raised.value.message
