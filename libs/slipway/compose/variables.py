"""Find the variables of a compose file that have no value, before anything starts. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from slipway.core.errors import Problem

_ASSIGNED = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*\S", re.MULTILINE)
_USED = re.compile(r"\$\{?([A-Za-z_]\w*)")


def missing(text: str, values: Mapping[str, str], file: str) -> tuple[Problem, ...]:
    """Return a problem for each required variable without a value.

    ``text``: the output of ``docker compose config --variables --format json``. ``${X:?}`` makes X required.
    """
    required = json.loads(text or "{}").items()
    return without_value((name for name, variable in required if variable.get("Required")), values, file)


def without_value(names: Iterable[str], values: Mapping[str, str], file: str) -> tuple[Problem, ...]:
    """Return a problem for each of ``names`` that has no value."""
    return tuple(
        Problem(file, f"needs the variable {name}", f"{name}=<value> in .env or in the environment", "variable-missing")
        for name in sorted(names)
        if not values.get(name)
    )


def named_in(text: str) -> frozenset[str]:
    """Return the names to which an env file gives a value."""
    return frozenset(_ASSIGNED.findall(text))


def named_by(text: str) -> frozenset[str]:
    """Return the names of the variables that a compose file's text may use, ``$NAME`` and ``${NAME…}``."""
    return frozenset(_USED.findall(text))
