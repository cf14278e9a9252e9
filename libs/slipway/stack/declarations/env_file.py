"""Parse an env file in compose's grammar, which is wider than that of slipway's own ``.env``.

    NAME=value # comment     export NAME=value     NAME: value     NAME='literal $X'     NAME="with $X and \\n"

A text in quotes may span lines. A line with a name alone takes the variable's value from the environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from slipway.core.errors import Problem, UsageError
from slipway.stack.declarations.interpolation import InterpolationError, Lookup, expand

_BLANKS = re.compile(r"(?:\s|#[^\n]*)*")
_ASSIGNED = re.compile(r"(?:export[ \t]+)?([A-Za-z0-9_.\[\]-]+)[ \t]*(?:([=:])[ \t]*|(?=\n|$))")
_SINGLE = re.compile(r"'((?:\\.|[^'\\])*)'", re.DOTALL)
_DOUBLE = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_COMMENT = re.compile(r" #.*")
_ESCAPED = re.compile(r"\\([nrt\"\\$])")
#: ``\$`` becomes ``$$``, which the expansion of variables makes ``$``.
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "$": "$$"}


def parse_env_file(text: str, environment: Mapping[str, str], file: str = ".env") -> dict[str, str]:
    """Return the variables of an env file. Raises UsageError with the ``file:line``.

    Values may contain variables: those of ``environment``, then those of the lines above.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found: dict[str, str] = {}

    def lookup(name: str) -> str | None:
        return environment.get(name, found.get(name))

    def refusal(what: str) -> UsageError:
        return UsageError.of([Problem(f"{file}:{text.count(chr(10), 0, position) + 1}", what)])

    position = _after_blanks(text, 0)
    while position < len(text):
        assigned = _ASSIGNED.match(text, position)
        if not assigned:
            raise refusal("is not NAME=value in compose's grammar")
        name = assigned[1]
        if not assigned[2]:
            found |= {name: environment[name]} if name in environment else {}
            position = assigned.end()
        else:
            try:
                found[name], position = _value(text, assigned.end(), lookup)
            except InterpolationError as error:
                raise refusal(f"{name}: {error}") from None
        position = _after_blanks(text, position)
    return found


def _after_blanks(text: str, position: int) -> int:
    """Return the position of the next text that is neither blank nor comment."""
    found = _BLANKS.match(text, position)
    return found.end() if found else position


def _value(text: str, start: int, lookup: Lookup) -> tuple[str, int]:
    """Return the value that begins at ``start``, and the position after it."""
    if quoted := _SINGLE.match(text, start):
        return quoted[1].replace("\\'", "'"), quoted.end()
    if quoted := _DOUBLE.match(text, start):
        unescaped = _ESCAPED.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), quoted[1])
        return expand(unescaped, lookup).text, quoted.end()
    if text[start : start + 1] in ("'", '"'):
        raise InterpolationError("its quote is not closed")
    end = text.find("\n", start)
    line = text[start : end if end >= 0 else len(text)]
    return expand(_COMMENT.sub("", line).rstrip(), lookup).text, start + len(line)
