"""Hold a command as a value. Any module may build one; only ``runner`` runs it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Command:
    """Hold a command that runs without a shell.

    ``argv``: the program and its arguments. ``env``: variables that are added to those of slipway's process.
    ``stdin``: bytes for the standard input, which is closed after them. ``label``: a description for the user ("bake 4
    images").
    """

    argv: tuple[str, ...]
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    label: str = ""

    def __str__(self) -> str:
        """Return the command as a user could type it into a POSIX shell, for dry runs and logs."""
        assignments = [f"{key}={shlex.quote(value)}" for key, value in self.env.items()]
        return " ".join([*assignments, shlex.join(self.argv)])


@dataclass(frozen=True)
class Result:
    """Hold the result of a command.

    ``exit_code`` is −N after signal N. ``stderr`` holds at most the last 200 lines.
    """

    exit_code: int
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.exit_code == 0
