"""Declare a command's options as the fields of a dataclass: type, default, help and effect in one place."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar

T = TypeVar("T")
_KEY = "option"


@dataclass(frozen=True)
class Option:
    """Hold an option's help text for the command line, and the settings that its value replaces."""

    help: str
    sets: tuple[str, ...] = ()


def option(default: T, help: str, *, sets: tuple[str, ...] = ()) -> T:
    """Declare a field of a frozen dataclass as an option. The type of ``default`` is the type of its values."""
    return field(default=default, metadata={_KEY: Option(help, sets)})


def options(kind: Any) -> list[tuple[Field[Any], Option]]:
    """Return the fields of a dataclass or of its instance, each with its option, in order."""
    return [(one, one.metadata[_KEY]) for one in fields(kind)]


def flag(name: str) -> str:
    """Return the command line flag of the field ``name``."""
    return f"--{name.replace('_', '-')}"
