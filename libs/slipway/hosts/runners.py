"""Make runners of the one in ``runner``: show each command, or start a command before its input is known."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from slipway.core.command import Command, Result
from slipway.core.streams import OnLine
from slipway.hosts.runner import Runner, ShouldStop, WaitingCommand, Watched, run


def echoing(show: Callable[[str], None]) -> Runner:
    """Return a runner that shows each command before it runs it, in a form that a user can type into a shell."""

    def shown(
        command: Command,
        on_line: OnLine | None = None,
        timeout: float | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Result:
        show(f"$ {command}")
        return run(command, on_line, timeout, should_stop)

    return shown


class RunAhead:
    """Run commands with ``run``, but one of them may already wait for its input.

    ``show`` gets that command when it gets its input.
    """

    def __init__(self, run: Watched, show: Callable[[str], None] = lambda text: None) -> None:
        self._run, self._show = run, show
        self._ahead: tuple[Command, WaitingCommand] | None = None

    def start(self, command: Command) -> None:
        """Start a command that will wait for its input. If it cannot start, its run reports that."""
        self.close()
        with suppress(OSError):
            self._ahead = _without_input(command), WaitingCommand(command)

    def __call__(self, command: Command, on_line: OnLine | None = None, *, should_stop: ShouldStop) -> Result:
        """Run a command to its end: the one that waits, if only its input was missing."""
        if self._ahead and self._ahead[0] == _without_input(command) and self._ahead[1].waits:
            (_, waiting), self._ahead = self._ahead, None
            self._show(f"$ {command}")
            return waiting.run(command.stdin, on_line, should_stop)
        self.close()
        return self._run(command, on_line, should_stop=should_stop)

    def close(self) -> None:
        """End the command that waits, if there is one."""
        if self._ahead:
            (_, waiting), self._ahead = self._ahead, None
            waiting.end()


def _without_input(command: Command) -> Command:
    return replace(command, stdin=b"", label="")
