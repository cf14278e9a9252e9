"""Start commands that run beside this process, which does not wait for them."""

from __future__ import annotations

import socket
import subprocess
import threading
import time

from slipway.config.environment import inherited
from slipway.core.command import Command, Result
from slipway.core.errors import PrerequisiteError
from slipway.core.streams import LineReader


class PipedCommand:
    """Run a command in parallel to this process.

    ``socket`` is connected to the command's stdin and stdout. The command must end when the caller closes it.
    """

    def __init__(self, command: Command) -> None:
        self._started = time.monotonic()
        self.socket, theirs = socket.socketpair()
        self._stderr = LineReader(None)
        with theirs:
            self._child = subprocess.Popen(
                command.argv,
                env=inherited(command.env),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        self._waiting = threading.Thread(target=self._wait, daemon=True)
        self._waiting.start()

    def ended(self, within: float) -> Result:
        """Return the result after the caller has closed ``socket``.

        Kill a command that still runs after ``within`` seconds.
        """
        self._waiting.join(within)
        if self._waiting.is_alive():
            self._child.kill()
            self._waiting.join()
        return Result(self._child.returncode, "", "\n".join(self._stderr.last), time.monotonic() - self._started)

    def _wait(self) -> None:
        self._stderr.read(self._child.stderr)
        self._child.wait()


def pipe(command: Command) -> PipedCommand:
    """Start ``command`` in parallel to this process. Raises PrerequisiteError for a program that cannot be started."""
    try:
        return PipedCommand(command)
    except OSError as error:
        raise PrerequisiteError(
            f"{command.argv[0]}: {(error.strerror or str(error)).lower()}", hint="invoke doctor"
        ) from None


def leave(command: Command) -> None:
    """Start ``command`` without streams and without a terminal, and do not wait for it. It may outlive this process.

    Raises OSError when it cannot start.
    """
    none = subprocess.DEVNULL
    env = inherited(command.env)
    subprocess.Popen(command.argv, stdin=none, stdout=none, stderr=none, env=env, start_new_session=True)
