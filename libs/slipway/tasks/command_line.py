"""Hold how slipway's tasks are called on the current command line, and write commands as the user types them.

slipway's errors and hints write every command in one form: ``invoke build svc-ocr``. ``CommandLine.typed`` makes the
command of this command line of it: ``invoke images.build svc-ocr`` where another collection holds the tasks, and
``slipway build svc-ocr`` for the program ``slipway``. Nothing else replaces the words of a command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType

INVOKE, SLIPWAY = "invoke", "slipway"
#: A command in a hint: ``invoke`` and its plain words, or ``invoke`` and a flag. ``)``: ``$(command -v invoke) setup``.
_COMMAND = re.compile(r"\binvoke(\)?)((?: [a-z][a-z0-9-]*(?![a-z0-9.:/=]))+|(?= -))")


@dataclass(frozen=True)
class CommandLine:
    """Hold the program and the names of slipway's tasks on the current command line.

    ``tasks``: the own name of each of slipway's tasks → its name on the command line. ``words``: every word that calls
    a task. ``ours``: only slipway's tasks run.
    """

    program: str = INVOKE
    tasks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    words: frozenset[str] = frozenset()
    ours: bool = False

    def called(self, task: str) -> str:
        """Return the name of a task on the command line."""
        return self.tasks.get(task, task)

    def typed(self, text: str) -> str:
        """Return ``text`` with its commands as the user types them.

        A task that the user's tasks file left out is a task of the program ``slipway``.
        """
        return _COMMAND.sub(self._typed, text)

    def _typed(self, found: re.Match[str]) -> str:
        words = found[2].split()
        if words and self.tasks and words[0] not in self.tasks:
            return f"{SLIPWAY}{found[1]}{found[2]}"
        return " ".join([f"{self.program}{found[1]}", *map(self.called, words)])


_CALLED_FROM_PYTHON = CommandLine()
#: The program and the parser set it.
command_line: ContextVar[CommandLine] = ContextVar("command_line", default=_CALLED_FROM_PYTHON)
