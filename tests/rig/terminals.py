"""A program on a new terminal: a test types, reads the screen, and sees the exit code."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_SECONDS = 30.0


@dataclass
class Terminal:
    """The person's side of a terminal: ``screen`` holds what was seen so far and not waited for."""

    process: subprocess.Popen[bytes]
    keyboard: int
    screen: str = field(default="")

    def type(self, text: str) -> None:
        os.write(self.keyboard, text.encode())

    def sees(self, text: str) -> None:
        """Wait until ``text`` is seen, and forget what was seen up to it."""
        deadline = time.monotonic() + _SECONDS
        while text not in self.screen:
            assert self._read(deadline - time.monotonic()), f"{text!r} was never seen:\n{self.screen}"
        self.screen = self.screen.partition(text)[2]

    def ends(self) -> int:
        """Return the exit code, after the program has ended."""
        deadline = time.monotonic() + _SECONDS
        while self._read(deadline - time.monotonic()):
            continue
        return self.process.wait(1)

    @property
    def settings(self) -> list[object]:
        """Return how the terminal treats keys, as programs find it."""
        return termios.tcgetattr(self.keyboard)

    def _read(self, seconds: float) -> bool:
        """Read what is written; False after the end of the program, or of the time."""
        if not select.select([self.keyboard], [], [], max(seconds, 0))[0]:
            return False
        try:
            piece = os.read(self.keyboard, 65_536)
        except OSError:  # the program has closed its side
            return False
        self.screen += piece.decode("utf-8", "replace")
        return bool(piece)


@contextmanager
def a_terminal(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Iterator[Terminal]:
    """Run a program on a new terminal, which sends it signals for keys. It is killed if it still runs in the end."""
    keyboard, screen = os.openpty()
    try:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=screen,
            stdout=screen,
            stderr=screen,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
    finally:
        os.close(screen)
    try:
        yield Terminal(process, keyboard)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        os.close(keyboard)
