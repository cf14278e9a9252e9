"""Attend a command that runs in a session of an SSH connection, until it ends."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from slipway.core.streams import LineReader, OnLine, Readable, Writable, collect, feed
from slipway.hosts.runner import ShouldStop
from slipway.hosts.ssh.connection import LAST_OUTPUT_SECONDS

_WATCH_SECONDS = 0.1


class Session(Protocol):
    """Hold a command that runs on the build host, and its streams."""

    def stdin(self) -> Writable: ...
    def stdout(self) -> Readable: ...
    def stderr(self) -> Readable: ...

    def wait(self, seconds: float, /) -> bool:
        """Wait for the command's end, at most ``seconds``. Tell whether it has ended."""

    def exit_code(self) -> int:
        """Return the exit status of the ended command, −1 when the host reports none.

        Raises the library's error when the connection was lost or the host refused to run the command.
        """


def attend(
    session: Session, stdin: bytes, on_line: OnLine | None, timeout: float | None, should_stop: ShouldStop | None
) -> tuple[int, str, str]:
    """Feed ``stdin`` to the command, read its output, and return exit code, stdout and the last lines of stderr.

    After ``timeout`` seconds, or once ``should_stop`` returns True, return exit code 124. Raises the errors of
    ``exit_code`` and of ``on_line``.
    """
    stdout: list[bytes] = []
    stderr = LineReader(on_line, whole=True)
    readers = [
        threading.Thread(target=collect, args=(session.stdout(), stdout), daemon=True),
        threading.Thread(target=stderr.read, args=(session.stderr(),), daemon=True),
        threading.Thread(target=feed, args=(session.stdin(), stdin), daemon=True),
    ]
    for reader in readers:
        reader.start()
    deadline = time.monotonic() + timeout if timeout else None
    while not session.wait(_WATCH_SECONDS):
        if (deadline and time.monotonic() > deadline) or (should_stop and should_stop()):
            return 124, "", "\n".join(stderr.last)
    exit_code = session.exit_code()
    for reader in readers[:2]:
        reader.join(timeout=LAST_OUTPUT_SECONDS)
    if stderr.broken:
        raise stderr.broken[0]
    return exit_code, b"".join(stdout).decode("utf-8", "replace"), "\n".join(stderr.last)
