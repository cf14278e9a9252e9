"""A service's settings: a frozen dataclass filled from the environment, every mistake told at once."""

from __future__ import annotations

import os
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

T = TypeVar("T")


def from_environment(cls: type[T], environment: Mapping[str, str] | None = None) -> T:
    """An instance of the dataclass ``cls``: field ``neo4j_url`` from ``NEO4J_URL``, else its default.

    Fields are str, int, float or bool (``1/0``, ``true/false``, ``yes/no``).
    Raises ValueError that names every variable that is missing or does not parse.
    """
    environment = os.environ if environment is None else environment
    types = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for entry in fields(cls):  # type: ignore[arg-type]
        variable = entry.name.upper()
        text = environment.get(variable)
        if text is None:
            if entry.default is MISSING and entry.default_factory is MISSING:
                problems.append(f"{variable} is not set")
            continue
        try:
            values[entry.name] = _convert(text, types[entry.name])
        except ValueError:
            problems.append(f"{variable}={text!r} is no {types[entry.name].__name__}")
    if problems:
        raise ValueError("; ".join(problems))
    return cls(**values)


def _convert(text: str, kind: type) -> object:
    if kind is bool:
        known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        if text.lower() not in known:
            raise ValueError(text)
        return known[text.lower()]
    return kind(text)
