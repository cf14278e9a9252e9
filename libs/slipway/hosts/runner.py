"""The only place where a process is started.

A child gets its own process group and, on Linux, dies with us; Ctrl-C ends the whole group.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from slipway.config.settings import inherited
from slipway.core.command import Command, Result
from slipway.core.errors import PrerequisiteError
from slipway.core.streams import LineReader, OnLine, collect, feed

#: Buildx cancels and pytest removes its containers within this; then the group is killed.
_GRACE_SECONDS = 4.0
_WATCH_SECONDS = 0.25
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


#: Asked a few times a second: whether a command has had its time.
Over = Callable[[], bool]


class Run(Protocol):
    """Runs a command to its end. Absent programs give exit code 127, a time-out 124."""

    def __call__(self, command: Command, on_line: OnLine | None = None, timeout: float | None = None) -> Result: ...


class Watched(Protocol):
    """Runs a command to its end, or until it is ``over``: then it is ended as by Ctrl-C."""

    def __call__(self, command: Command, on_line: OnLine | None = None, *, over: Over) -> Result: ...


class Runner(Protocol):
    """Runs a command to its end, with a time limit or watched."""

    def __call__(
        self,
        command: Command,
        on_line: OnLine | None = None,
        timeout: float | None = None,
        over: Over | None = None,
    ) -> Result: ...


def echoing(show: Callable[[str], None]) -> Runner:
    """A runner that shows each command before it runs it, as one could type it into a shell."""

    def shown(
        command: Command, on_line: OnLine | None = None, timeout: float | None = None, over: Over | None = None
    ) -> Result:
        show(f"$ {command}")
        return run(command, on_line, timeout, over)

    return shown


def run(
    command: Command, on_line: OnLine | None = None, timeout: float | None = None, over: Over | None = None
) -> Result:
    """Run ``command`` here. ``timeout`` in seconds. stdout is kept whole; of stderr the last 200 lines.

    Raises what ``on_line`` raises, once the command has ended.
    """
    started = time.monotonic()
    # An interrupt between the child's birth and our knowing of it would leave it running: it waits until we do.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    parent = os.getpid()
    try:
        child = _start(command, lambda: _prepare(mask, parent))
    except OSError as error:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        absent = isinstance(error, FileNotFoundError)
        cause = "not found" if absent else str(error.strerror)
        return Result(127 if absent else 126, "", f"{error.filename}: {cause}", time.monotonic() - started)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        with _watched(child, over):
            exit_code, stdout, stderr = _attend(child, command.stdin, on_line, timeout)
    except BaseException:
        _end(child)
        raise
    return Result(exit_code, stdout, stderr, time.monotonic() - started)


class Piped:
    """A command that runs beside us; ``socket`` is its standard input and output. It ends when that is closed."""

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
        """How it ended, once its socket is closed; a command that goes on is killed."""
        self._waiting.join(within)
        if self._waiting.is_alive():
            self._child.kill()
            self._waiting.join()
        return Result(self._child.returncode, "", "\n".join(self._stderr.last), time.monotonic() - self._started)

    def _wait(self) -> None:
        self._stderr.read(self._child.stderr)
        self._child.wait()


def pipe(command: Command) -> Piped:
    """Start ``command`` beside us. Raises PrerequisiteError for a program that is not there."""
    try:
        return Piped(command)
    except OSError as error:
        raise PrerequisiteError(
            f"{command.argv[0]}: {(error.strerror or str(error)).lower()}", hint="invoke doctor"
        ) from None


def _attend(
    child: subprocess.Popen[bytes], stdin: bytes, on_line: OnLine | None, timeout: float | None
) -> tuple[int, str, str]:
    """Feed and read the child until it ends; exit code, stdout, the end of stderr."""
    stdout: list[bytes] = []
    stderr = LineReader(on_line)
    readers = [
        threading.Thread(target=collect, args=(child.stdout, stdout), daemon=True),
        threading.Thread(target=stderr.read, args=(child.stderr,), daemon=True),
        threading.Thread(target=feed, args=(child.stdin, stdin), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        exit_code = child.wait(timeout)
    except subprocess.TimeoutExpired:
        _end(child)
        exit_code = 124
    for reader in readers:
        reader.join(timeout=5)
    if stderr.broken:
        raise stderr.broken[0]
    return exit_code, b"".join(stdout).decode("utf-8", "replace"), "\n".join(stderr.last)


@contextlib.contextmanager
def _watched(child: subprocess.Popen[bytes], over: Over | None) -> Iterator[None]:
    """End the child once it is ``over``. A thread of its own asks: waiting with a time limit would cost at each end."""
    done = threading.Event()

    def watch() -> None:
        while over and not done.wait(_WATCH_SECONDS):
            if over():
                _end(child)
                return

    if over:
        threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _start(command: Command, prepare: Callable[[], None]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command.argv,
        cwd=command.cwd or None,
        env=inherited(command.env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=prepare,
    )


def _prepare(mask: set[signal.Signals | int], parent: int) -> None:
    """In the child, before it becomes the command: our own signal mask, and death with the parent.

    SIGINT is how we end a child, so it heeds that also when this process ignores it.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if _LIBC:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask the child's group to end, wait a little, then kill what is left of it, also when interrupted once more."""
    try:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
