"""Parse ``.env`` in the grammar that python-dotenv, compose and bash read alike.

    # a comment            NAME=value            NAME='text without ${'         NAME="text without $ ` or backslash"

These tools read some lines differently (``D=a # b``, ``J=$A``, ``export F=``, an open quote …). Such a line is odd: an
error for a name that slipway uses, else a note. python-dotenv reads the values; the rules below decide which lines it
may read.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

from dotenv import dotenv_values

from slipway.core.errors import Problem, UsageError

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_CONTROL = r"\x00-\x08\x0a-\x1f\x7f"
_PLAIN = rf"[^\s'\"$`\\#;&|<>()!*?\[\]{{}}~{_CONTROL}]*"
_LITERAL = rf"(?:[^'\\${_CONTROL}]|\$(?!{{))*"
_LINE = re.compile(rf"(?P<name>{_NAME})=(?:{_PLAIN}|'{_LITERAL}'|\"[^\"$`\\!{_CONTROL}]*\")[ \t]*")
#: The name that a line sets, however the line is written.
_SETS = re.compile(rf"\s*(?:export\s+)?(?P<name>{_NAME})\b")


@dataclass(frozen=True)
class Assignment:
    name: str
    value: str
    line: int


@dataclass(frozen=True)
class OddLine:
    """Hold a line that other tools read differently. ``name``: the name that it sets; empty when that is unclear."""

    name: str
    problem: Problem


def parse_env(data: bytes, path: str = ".env") -> tuple[tuple[Assignment, ...], tuple[Problem, ...]]:
    """Return the entries in order, and every problem with its ``path:line``. A BOM and CRLF line ends are accepted."""
    try:
        entries, odd = read_env(data, path)
    except UsageError as error:
        return (), tuple(error.problems)
    return entries, tuple(line.problem for line in odd)


def read_env(data: bytes, path: str = ".env") -> tuple[tuple[Assignment, ...], tuple[OddLine, ...]]:
    """Return the entries in order, and the odd lines. Raises UsageError for a file that is not UTF-8."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = Problem(path, f"byte {error.start} is not UTF-8", "save the file as UTF-8")
        raise UsageError.of([problem]) from None
    entries: list[Assignment] = []
    odd: list[OddLine] = []
    first: dict[str, int] = {}
    for number, raw in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not raw.strip(" \t") or raw.lstrip(" \t").startswith("#"):
            continue
        match, where = _LINE.fullmatch(raw), f"{path}:{number}"
        if not match:
            named = _SETS.match(raw)
            odd.append(OddLine(named["name"] if named else "", _explain(raw, where)))
        elif match["name"] in first:
            what = f"{match['name']} is set again (first at line {first[match['name']]})"
            odd.append(OddLine(match["name"], Problem(where, what, "keep one of the two")))
        else:
            first[match["name"]] = number
            read = dotenv_values(stream=io.StringIO(raw), interpolate=False)
            entries.append(Assignment(match["name"], read[match["name"]] or "", number))
    return tuple(entries), tuple(odd)


_READINGS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(rf".*[{_CONTROL}]"), "holds a control character", "type the line again"),
    (
        re.compile(r"\s*export\s"),
        "'export' is read by bash and python-dotenv, refused by docker",
        "drop 'export'",
    ),
    (
        re.compile(r"\s+\S"),
        "leading blanks are part of the name for docker only",
        "begin the line with the name",
    ),
    (re.compile(rf"{_NAME}\s+="), "blanks before '=' end the name for bash", "no blanks around '='"),
    (re.compile(rf"{_NAME}=\s+\S"), "blanks after '=' make the value empty for bash", "no blanks around '='"),
    (re.compile(rf"{_NAME}$"), "a name without '='", "NAME=value"),
    (
        re.compile(rf"{_NAME}=[^'\"]*\$"),
        "'$' is expanded by bash and compose, not by docker",
        "single quotes keep it as it is",
    ),
    (
        re.compile(rf"{_NAME}='[^']*\$\{{"),
        "'${' is expanded by python-dotenv even inside single quotes",
        "set the name in the environment instead, or write $NAME without { }",
    ),
    (
        re.compile(rf"{_NAME}=\"[^\"]*[$`\\!]"),
        "$ ` \\ ! inside double quotes are read differently",
        "single quotes keep them as they are",
    ),
    (
        re.compile(rf"{_NAME}=[^'\"]*\s#"),
        "' #' begins a comment for bash and compose, belongs to the value for docker",
        "put the comment on a line of its own, or quote the value",
    ),
    (re.compile(rf"{_NAME}=[^'\"]*\s\S"), "blanks inside an unquoted value", "quote the value with '…'"),
)


def _explain(raw: str, where: str) -> Problem:
    quote = re.match(rf"(?:export\s+)?{_NAME}=(['\"])", raw)
    if quote and raw.count(quote[1], quote.end()) == 0:
        return Problem(
            where,
            f"the quote {quote[1]} opened at column {quote.end()} is not closed",
            "close it on the same line",
        )
    for pattern, what, hint in _READINGS:
        if pattern.match(raw):
            return Problem(where, what, hint)
    return Problem(
        where,
        "not NAME=value in the grammar that docker compose, bash and python-dotenv share",
        "NAME='value'",
    )
