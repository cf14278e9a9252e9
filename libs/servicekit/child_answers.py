"""Read the answer of a child process, which is JSON, as the type that the child's function returns.

A parser that a file took over answers any bytes. JSON names no code, and so runs none in the service.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter

from servicekit.fork_server import name_of


class Raised(BaseModel):
    """Hold an exception of the child. ``type`` is its full name, ``traceback`` the place in the child."""

    type: str
    args: list[Any]
    traceback: str


class Unread(Exception):
    """Report an answer that is not of the function's type."""


def reader_of(function: Callable[..., Any]) -> TypeAdapter[tuple[Any]]:
    """Return the reader of the function's results. A function without annotations returns any JSON."""
    one: Any = types.GenericAlias(tuple, get_type_hints(function).get("return", Any))
    return TypeAdapter(one, config=ConfigDict(val_json_bytes="base64"))


def read_result(content: bytes, reader: TypeAdapter[tuple[Any]]) -> Any:
    """Return the result in ``content``. Raises Unread."""
    try:
        return reader.validate_json(content)[0]
    except ValueError as error:
        raise Unread("the child's result is not of its function's type") from error


def read_exception(content: bytes, known: Iterable[type[Exception]]) -> Exception:
    """Return the exception in ``content``: one of the ``known`` types, or else a RuntimeError. Raises Unread."""
    try:
        raised = Raised.model_validate_json(content)
    except ValueError as error:
        raise Unread("the child's exception is not an exception") from error
    named = {name_of(one): one for one in known}
    exception = (
        named[raised.type](*raised.args)
        if raised.type in named
        else RuntimeError(f"{raised.type}: {', '.join(map(str, raised.args))}")
    )
    exception.add_note(raised.traceback)
    return exception
