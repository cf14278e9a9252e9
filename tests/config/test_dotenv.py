"""``.env``: slipway takes lines that every reader reads alike, and refuses others with their line."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipway.config.dotenv import Assignment, parse_env

BLANKS = "quote the value with '…'"
SHARED = "not NAME=value in the grammar that docker compose, bash and python-dotenv share"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=", ""),
        ("A=v1.0.0", "v1.0.0"),
        ("A=https://user@host:5000/a,b%20c+d=e", "https://user@host:5000/a,b%20c+d=e"),
        ("A=''", ""),
        ("A='a b $c # \"d\" `e` {f}'", 'a b $c # "d" `e` {f}'),
        ('A=""', ""),
        ('A="it\'s a b # c"', "it's a b # c"),
        ("A=x  \t", "x"),
        ("A='x' ", "x"),
        ("A=é", "é"),
        ("A='$B $ }'", "$B $ }"),
    ],
)
def test_a_line_that_all_read_alike(line: str, value: str) -> None:
    assert parse_env(line.encode()) == ((Assignment("A", value, 1),), ())


@pytest.mark.parametrize(
    ("line", "what", "hint"),
    [
        ("export A=1", "'export' is read by bash and python-dotenv, refused by docker", "drop 'export'"),
        (" A=1", "leading blanks are part of the name for docker only", "begin the line with the name"),
        ("A =1", "blanks before '=' end the name for bash", "no blanks around '='"),
        ("A= 1", "blanks after '=' make the value empty for bash", "no blanks around '='"),
        ("A", "a name without '='", "NAME=value"),
        ("A=$B", "'$' is expanded by bash and compose, not by docker", "single quotes keep it as it is"),
        ('A="a$B"', "$ ` \\ ! inside double quotes are read differently", "single quotes keep them as they are"),
        (
            "A='${B}'",
            "'${' is expanded by python-dotenv even inside single quotes",
            "set the name in the environment instead, or write $NAME without { }",
        ),
        (
            "A=a # b",
            "' #' begins a comment for bash and compose, belongs to the value for docker",
            "put the comment on a line of its own, or quote the value",
        ),
        ("A=a b", "blanks inside an unquoted value", BLANKS),
        ("A='a", "the quote ' opened at column 3 is not closed", "close it on the same line"),
        ('export LONG="a', 'the quote " opened at column 13 is not closed', "close it on the same line"),
        ("A='a'b", SHARED, "NAME='value'"),
        ("A='it\\'s'", SHARED, "NAME='value'"),
        ("1A=b", SHARED, "NAME='value'"),
        ("A=a;b", SHARED, "NAME='value'"),
        ("A=~/x", SHARED, "NAME='value'"),
        ("A=x$B", "'$' is expanded by bash and compose, not by docker", "single quotes keep it as it is"),
        ("A='a'b$c", SHARED, "NAME='value'"),
        ("A='a' #", SHARED, "NAME='value'"),
        ("A='a' b", SHARED, "NAME='value'"),
        ('A="$B"', "$ ` \\ ! inside double quotes are read differently", "single quotes keep them as they are"),
        ("A= #", "blanks after '=' make the value empty for bash", "no blanks around '='"),
        ("A=~", SHARED, "NAME='value'"),
        ("~", SHARED, "NAME='value'"),
        ("~# c", SHARED, "NAME='value'"),
        ("1A='b", SHARED, "NAME='value'"),
        ("exportA='b", "the quote ' opened at column 9 is not closed", "close it on the same line"),
        ("A='a\x00b'", "holds a control character", "type the line again"),
        ("A=a\rb", "holds a control character", "type the line again"),
        ("\x0c", "holds a control character", "type the line again"),
    ],
)
def test_a_line_that_they_read_differently(line: str, what: str, hint: str) -> None:
    entries, problems = parse_env(f"# first\n{line}\nB=2\n".encode())
    assert entries == (Assignment("B", "2", 3),)
    assert [(problem.where, problem.what, problem.hint) for problem in problems] == [(".env:2", what, hint)]


def test_a_name_set_twice_is_reported_with_both_lines() -> None:
    entries, problems = parse_env(b"A=1\n\nA=2\nA=3\n")
    assert entries == (Assignment("A", "1", 1),)
    assert [str(problem) for problem in problems] == [
        ".env:3: A is set again (first at line 1)",
        ".env:4: A is set again (first at line 1)",
    ]
    assert {problem.hint for problem in problems} == {"keep one of the two"}


def test_a_remark_ends_where_its_line_ends() -> None:
    assert parse_env(b"\t # a remark #\n#A=1\n \t\nB=2") == ((Assignment("B", "2", 4),), ())


def test_a_byte_order_mark_and_windows_line_ends() -> None:
    assert parse_env(b"\xef\xbb\xbfA=1\r\n\r\n# c\r\nB='2'\r\n") == (
        (Assignment("A", "1", 1), Assignment("B", "2", 4)),
        (),
    )


def test_bytes_that_are_not_text() -> None:
    (), (problem,) = parse_env(b"A=\xff\n")
    assert (problem.where, problem.what) == (".env", "byte 2 is not UTF-8")
    assert problem.hint == "save the file as UTF-8"


def test_an_open_quote_hides_no_other_line() -> None:
    """python-dotenv lets it run on to the next quote and drops what lies between."""
    entries, problems = parse_env(b'A="open\nREGISTRY=reg:5000\nOWNER="x"\n')
    assert entries == (Assignment("REGISTRY", "reg:5000", 2), Assignment("OWNER", "x", 3))
    assert [problem.where for problem in problems] == [".env:1"]


LINES = st.text(st.sampled_from("XY=ab01 '\"#$\\`!;&|<>(){}[]*?~-+:/,.%@^\t\x00\r\x0bé\u2028\u00a0"), max_size=12)
FILES = st.lists(LINES | LINES.map(lambda text: f"X={text}") | LINES.map(lambda text: f"Y='{text}'"), max_size=5)


@given(FILES)
def test_python_dotenv_reads_it_alike(lines: list[str]) -> None:
    text = "\n".join(lines)
    entries, problems = parse_env(text.encode())
    if not problems:
        assert dotenv_values(stream=io.StringIO(text)) == {entry.name: entry.value for entry in entries}


@pytest.mark.process
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES)
def test_bash_reads_it_alike(tmp_path: Path, lines: list[str]) -> None:
    text = "\n".join(lines)
    entries, problems = parse_env(text.encode())
    if problems or "\r\n" in text:  # bash keeps the \r
        return
    file = tmp_path / "env"
    file.write_text(text, "utf-8", newline="")
    done = subprocess.run(
        ["/usr/bin/env", "-i", "bash", "--norc", "-c", 'set -ae; . "$1"; exec env -0', "bash", file],
        capture_output=True,
        check=True,
    )
    seen = dict(entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    assert done.stderr == b""
    assert {entry.name: entry.value for entry in entries}.items() <= seen.items()
    assert not {"X", "Y"} & (seen.keys() - {entry.name for entry in entries})
