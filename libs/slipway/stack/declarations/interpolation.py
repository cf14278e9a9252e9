"""Expand variables as compose does: ``$X``, ``${X}``, ``${X:-default}``, ``${X:?error}``, ``${X:+other}``.

Without the colon an empty value counts as a value. ``$$`` is ``$``. Defaults may contain variables.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")
_DEEPEST = 50

#: Returns the value of a variable, or None for a variable that is not set.
Lookup = Callable[[str], str | None]


class InterpolationError(ValueError):
    """Report a text that compose refuses: it is not well formed, or a required variable has no value."""


@dataclass(frozen=True)
class Expanded:
    """Hold the text. ``unset``: the variables that it was to contain, which have neither value nor default."""

    text: str
    unset: tuple[str, ...] = ()


def expand(text: str, lookup: Lookup) -> Expanded:
    """Return ``text`` with its variables expanded. Raises InterpolationError."""
    return _expand(text, lookup, 0) if "$" in text else Expanded(text)


def _expand(text: str, lookup: Lookup, depth: int) -> Expanded:
    if depth > _DEEPEST:
        raise InterpolationError("its defaults are nested too deeply")
    parts: list[Expanded] = []
    position = 0
    while (dollar := text.find("$", position)) >= 0:
        parts.append(Expanded(text[position:dollar]))
        found, position = _variable(text, dollar + 1, lookup, depth)
        parts.append(found)
    parts.append(Expanded(text[position:]))
    unset = dict.fromkeys(name for part in parts for name in part.unset)
    return Expanded("".join(part.text for part in parts), tuple(unset))


def _variable(text: str, start: int, lookup: Lookup, depth: int) -> tuple[Expanded, int]:
    """Return the value of the variable whose ``$`` stands before ``start``, and the position after it."""
    if text.startswith("$", start):
        return Expanded("$"), start + 1
    if named := _NAME.match(text, start):
        return _value(named[0], lookup), named.end()
    end = _closing_brace(text, start)
    named = _NAME.match(text, start + 1)
    if end < 0 or not named:
        raise InterpolationError("a $ begins no variable; write $$ for a $")
    rest = text[named.end() : end]
    operator = next((one for one in _OPERATORS if rest.startswith(one)), "")
    if rest and not operator:
        raise InterpolationError(f"${{{named[0]}…}} is not a variable")
    word = rest.removeprefix(operator)
    return _applied(named[0], operator, word, lookup, depth), end + 1


def _value(name: str, lookup: Lookup) -> Expanded:
    value = lookup(name)
    return Expanded("", (name,)) if value is None else Expanded(value)


def _applied(name: str, operator: str, word: str, lookup: Lookup, depth: int) -> Expanded:
    value = lookup(name)
    given = bool(value) if operator.startswith(":") else value is not None
    match operator[-1:]:
        case "-" if not given:
            return _expand(word, lookup, depth + 1)
        case "+":
            return _expand(word, lookup, depth + 1) if given else Expanded("")
        case "?" if not given:
            said = _expand(word, lookup, depth + 1).text
            raise InterpolationError(f"needs the variable {name}{f': {said}' if said else ''}")
    return _value(name, lookup)


def _closing_brace(text: str, start: int) -> int:
    """Return the position of the brace that closes the one at ``start``, or -1."""
    if not text.startswith("{", start):
        return -1
    open_braces = 0
    for position in range(start, len(text)):
        open_braces += {"{": 1, "}": -1}.get(text[position], 0)
        if not open_braces:
            return position
    return -1
