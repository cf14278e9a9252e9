"""The key ``lock-command`` of the project's table: the command that locks the requirements of the repository.

[tool.slipway]
lock-command = "nox -s lock -- --upgrade"
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator


def lock_command_of(value: str) -> tuple[str, ...]:
    """Return the words of the command, as a POSIX shell splits them."""
    return tuple(shlex.split(value))


def lock_command_faults(value: object) -> Iterator[tuple[str, str, str]]:
    """Yield the fault of a value that is not a command, and the fix."""
    try:
        right = isinstance(value, str) and bool(shlex.split(value))
    except ValueError:
        right = False
    if not right:
        yield "lock-command", "lock-command is a command", 'lock-command = "nox -s lock -- --upgrade"'
