"""A command is a value: built anywhere, run in one place (``runner``)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Command:
    """``argv`` runs without a shell. ``env`` is added to the process's own; ``stdin`` is fed and closed.

    ``label`` is what a person calls it ("bake 4 images").
    """

    argv: tuple[str, ...]
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    label: str = ""

    def __str__(self) -> str:
        """As one could type it into a POSIX shell (for dry runs and logs)."""
        assignments = [f"{key}={shlex.quote(value)}" for key, value in self.env.items()]
        return " ".join([*assignments, shlex.join(self.argv)])


@dataclass(frozen=True)
class Result:
    """``exit_code`` is −N after signal N. ``stderr`` holds at most the last 200 lines."""

    exit_code: int
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.exit_code == 0
