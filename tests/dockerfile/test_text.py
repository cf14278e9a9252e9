"""A Dockerfile's text → instructions, heredocs and directives."""

from __future__ import annotations

import pytest

from slipway.core.errors import UsageError
from slipway.dockerfile import parse
from slipway.dockerfile.text import Heredoc


def test_a_parsed_file_keeps_its_text_and_directives() -> None:
    text = "# syntax=docker/dockerfile:1.7 -x\n# check=skip=all\nARG A\nFROM a AS B\nRUN x"
    dockerfile = parse(text, path="apps/a/Dockerfile")
    assert (dockerfile.path, dockerfile.text, dockerfile.escape) == ("apps/a/Dockerfile", text, "\\")
    assert dockerfile.syntax == "docker/dockerfile:1.7"
    assert [(section.name, section.base, section.line) for section in dockerfile.sections] == [("b", "a", 4)]


HEREDOCS = """\
FROM a
COPY <<A <<-'B' <<"C" /x
1 ${X}
# no comment
A
\t~2
\tB
3
\\
C
RUN cat <<D 3<<\\E
y
D
q
E
ADD <<E /e
z
E
CMD <<F
RUN ["<<G"]
"""


def test_heredocs_are_read_whole() -> None:
    found = [(each.name, each.line, each.heredocs) for each in parse(HEREDOCS).sections[0].instructions]
    copied = Heredoc("A", True, "1 ${X}\n# no comment\n"), Heredoc("B", False, "~2\n"), Heredoc("C", False, "3\n\\\n")
    assert found == [
        ("COPY", 2, copied),
        ("RUN", 11, (Heredoc("D", True, "y\n"), Heredoc("E", True, "q\n"))),
        ("ADD", 16, (Heredoc("E", True, "z\n"),)),
        ("CMD", 19, ()),
        ("RUN", 20, ()),
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("ADD x", "ADD requires at least one source and a destination"),
        ("ADD x <<E\nE", "ADD cannot write to a heredoc"),
        ("ARG A =b", "ARG requires a name"),
        ("RUN [1]", "a JSON list may hold only strings"),
        ("ENTRYPOINT [1]", "a JSON list may hold only strings"),
        ("HEALTHCHECK", "HEALTHCHECK takes CMD and a command, or NONE"),
        ("HEALTHCHECK CMD", "HEALTHCHECK takes CMD and a command, or NONE"),
        ("HEALTHCHECK NONE x", "HEALTHCHECK takes CMD and a command, or NONE"),
        ("ONBUILD MAINTAINER x", "ONBUILD takes an instruction other than ONBUILD, FROM and MAINTAINER"),
        ("FROM b AS a!b", "a!b"),
    ],
)
def test_an_incomplete_instruction_is_refused(text: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(f"FROM a\n{text}\n")
    (problem,) = caught.value.problems
    assert problem.where == "Dockerfile:2" and what in problem.what


@pytest.mark.parametrize(
    ("text", "syntax", "escape"),
    [
        ("# syntax=a\n# escape=`\nFROM x", "a", "`"),
        ("# escape=`\n#  Syntax = a b\nFROM x", "a", "`"),
        ("#!/bin/x\n# syntax=a\nFROM x", "a", "\\"),
        ("#!/bin/x\n# escape=`\nFROM x", "", "\\"),
        ("#!\nFROM x", "", "\\"),
        ("# x=1\n# syntax=a\nFROM x", "", "\\"),
        ("# a remark: # syntax=a\nFROM x", "", "\\"),
        ("FROM x\n# syntax=a", "", "\\"),
        ("# check=skip=all\n# syntax=a\nFROM x", "a", "\\"),
    ],
)
def test_directives_stand_at_the_top(text: str, syntax: str, escape: str) -> None:
    parsed = parse(text)
    assert (parsed.syntax, parsed.escape) == (syntax, escape)


@pytest.mark.parametrize(("flag", "on"), [("--parents", True), ("--parents=true", True), ("--parents=False", False)])
def test_a_switch_is_on_unless_it_is_false(flag: str, on: bool) -> None:
    (instruction,) = parse(f"FROM a\nCOPY {flag} x /").sections[0].instructions
    assert instruction.switched("parents") is on


def test_an_empty_file_builds_nothing() -> None:
    with pytest.raises(UsageError, match="no FROM"):
        parse("# only a comment\n\n")
