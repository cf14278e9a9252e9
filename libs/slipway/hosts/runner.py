"""Start processes on this machine. Only this module uses ``subprocess``.

A command of ``run`` or ``run_together`` has its own process group, which Ctrl-C ends as a whole. On Linux the kernel
sends it SIGTERM when this process dies.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from slipway.config.environment import inherited
from slipway.core.command import Command, Result
from slipway.core.streams import LineReader, OnLine, collect, feed

#: Time for buildx to cancel, or for pytest to remove its containers. Then slipway kills the process group.
_GRACE_SECONDS = 4.0
_WATCH_SECONDS = 0.25
_PR_SET_PDEATHSIG = 1
#: They wait until a child that starts is in the block that ends it.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

#: Returns True when a command must end. slipway calls it several times per second.
ShouldStop = Callable[[], bool]


class RunCommand(Protocol):
    """Run a command to its end. The exit code is 127 for a missing program, and 124 after a timeout."""

    def __call__(self, command: Command, on_line: OnLine | None = None, timeout: float | None = None) -> Result: ...


class Watched(Protocol):
    """Run a command to its end.

    Once ``should_stop`` returns True, end the command as Ctrl-C would.
    """

    def __call__(self, command: Command, on_line: OnLine | None = None, *, should_stop: ShouldStop) -> Result: ...


class Runner(Protocol):
    """Run a command to its end, with a time limit, a check that it is over, or neither."""

    def __call__(
        self,
        command: Command,
        on_line: OnLine | None = None,
        timeout: float | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Result: ...


def run(
    command: Command, on_line: OnLine | None = None, timeout: float | None = None, should_stop: ShouldStop | None = None
) -> Result:
    """Run ``command`` on this machine, for at most ``timeout`` seconds.

    The result has all of stdout, and the last 200 lines of stderr. An exception of ``on_line`` is raised after the
    command has ended.
    """
    started = time.monotonic()
    # A signal that arrives before ``child`` is assigned would leave the process running, so signals wait until then.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        child = _start(command, mask)
    except OSError as error:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return _not_started(error, started)
    return _completed(child, mask, command.stdin, on_line, timeout, should_stop)


class WaitingCommand:
    """Run a command that waits for its standard input, in parallel to this process.

    The command must end when its input ends: then it ends with this process. Raises OSError for a program that cannot
    be started.
    """

    def __init__(self, command: Command) -> None:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            self._child = _start(command, mask)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    @property
    def waits(self) -> bool:
        return self._child.poll() is None

    def run(self, stdin: bytes, on_line: OnLine | None, should_stop: ShouldStop) -> Result:
        """Give the command its input, and run it to its end as ``run`` does."""
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        return _completed(self._child, mask, stdin, on_line, None, should_stop)

    def end(self) -> None:
        """End the command without its input."""
        with self._child:
            feed(self._child.stdin, b"")
            _end(self._child)


def run_together(
    commands: Iterable[Command],
    take: Callable[[int, Result], None],
    *,
    at_once: int,
    show: Callable[[str], None] = lambda text: None,
) -> None:
    """Run ``commands`` on this machine, ``at_once`` at a time, and start them in their order.

    ``take`` gets the number of each command, from 0, and its result when it ends. ``show`` gets each command before it
    starts. An exception, such as that of Ctrl-C, starts no further command and ends all that run.
    """
    ahead = enumerate(commands)
    running: dict[int, subprocess.Popen[bytes] | None] = {}
    ended: queue.SimpleQueue[tuple[int, Result]] = queue.SimpleQueue()
    try:
        while True:
            for number, command in islice(ahead, at_once - len(running)):
                show(f"$ {command}")
                _start_attended(number, command, running, ended)
            if not running:
                return
            number, result = ended.get()
            del running[number]
            take(number, result)
    except BaseException:
        _end(*filter(None, running.values()))
        raise


def _start_attended(
    number: int,
    command: Command,
    running: dict[int, subprocess.Popen[bytes] | None],
    ended: queue.SimpleQueue[tuple[int, Result]],
) -> None:
    """Start a command and note it in ``running``. A thread attends to it and puts its result into ``ended``.

    Signals wait until the command is noted. The thread starts with them blocked, so that they arrive in this thread.
    """
    started = time.monotonic()

    def attend(child: subprocess.Popen[bytes]) -> None:
        exit_code, stdout, stderr = _attend(child, command.stdin, None, None)
        ended.put((number, Result(exit_code, stdout, stderr, time.monotonic() - started)))

    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        running[number] = child = _start(command, mask)
        threading.Thread(target=attend, args=(child,), daemon=True).start()
    except OSError as error:
        running[number] = None
        ended.put((number, _not_started(error, started)))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def attach(argv: Sequence[str]) -> int:
    """Run a program on this process's own standard streams, and return its exit code: 128 + N after signal N.

    The program alone acts on Ctrl-C. In the end the terminal has the settings that it had before.
    """
    with _terminal_kept(), _interrupts_ignored(), subprocess.Popen(argv, env=inherited({})) as child:
        try:
            code = child.wait()
        except BaseException:
            child.terminate()
            try:
                child.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
            raise
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Do nothing on SIGINT inside the block. A child process gets the default handler."""
    before = signal.signal(signal.SIGINT, lambda signum, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _terminal_kept() -> Iterator[None]:
    """Restore the settings of the terminal at standard input after the block: a program that was killed does not."""
    try:
        before = termios.tcgetattr(0)
    except termios.error:
        yield
        return
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def _completed(
    child: subprocess.Popen[bytes],
    mask: set[signal.Signals | int],
    stdin: bytes,
    on_line: OnLine | None,
    timeout: float | None,
    should_stop: ShouldStop | None,
) -> Result:
    """Attend to a child until it ends. The caller has blocked the signals; ``mask`` is the one from before."""
    started = time.monotonic()
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        with _watched(child, should_stop):
            exit_code, stdout, stderr = _attend(child, stdin, on_line, timeout)
    except BaseException:
        _end(child)
        raise
    return Result(exit_code, stdout, stderr, time.monotonic() - started)


def _attend(
    child: subprocess.Popen[bytes], stdin: bytes, on_line: OnLine | None, timeout: float | None
) -> tuple[int, str, str]:
    """Feed and read the child until it ends. Return exit code, stdout, and the last lines of stderr."""
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
def _watched(child: subprocess.Popen[bytes], should_stop: ShouldStop | None) -> Iterator[None]:
    """End the child once ``should_stop`` returns True.

    A separate thread calls ``should_stop``. Waiting for the child with a time limit would delay the end of every
    command.
    """
    done = threading.Event()

    def watch() -> None:
        while should_stop and not done.wait(_WATCH_SECONDS):
            if should_stop():
                _end(child)
                return

    if should_stop:
        threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _start(command: Command, mask: set[signal.Signals | int]) -> subprocess.Popen[bytes]:
    """Start a command with the signal mask ``mask``."""
    parent, end_with_parent = os.getpid(), _end_with_parent()
    return subprocess.Popen(
        command.argv,
        cwd=command.cwd or None,
        env=inherited(command.env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: _prepare(mask, parent, end_with_parent),
    )


def _not_started(error: OSError, started: float) -> Result:
    """Return the result of a program that cannot be started, with the exit code of a shell."""
    absent = isinstance(error, FileNotFoundError)
    cause = "not found" if absent else str(error.strerror)
    return Result(127 if absent else 126, "", f"{error.filename}: {cause}", time.monotonic() - started)


def _prepare(mask: set[signal.Signals | int], parent: int, end_with_parent: Callable[[], object] | None) -> None:
    """Prepare the child before it executes the command: signals, and its end when the parent dies.

    ``_end`` sends SIGINT, so the child gets the default handler even if this process ignores that signal.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if end_with_parent:
        end_with_parent()
        if os.getppid() != parent:  # the parent died before prctl took effect
            os._exit(1)


def _end_with_parent() -> Callable[[], object] | None:
    """Return the call with which a child gets SIGTERM when its parent dies; None where the system has no such call.

    A child may import nothing between fork and exec, so its parent loads the library.
    """
    if sys.platform != "linux":
        return None
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(*children: subprocess.Popen[bytes]) -> None:
    """Send SIGINT to the children's process groups, wait up to 4 s for all children, then kill the groups.

    A second Ctrl-C ends the wait, and the groups are still killed.
    """
    deadline = time.monotonic() + _GRACE_SECONDS
    try:
        for child in children:
            _signal_group(child, signal.SIGINT)
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
    finally:
        for child in children:
            _signal_group(child, signal.SIGKILL)
        for child in children:
            child.wait()


def _signal_group(child: subprocess.Popen[bytes], signum: signal.Signals) -> None:
    """Send a signal to a child's process group. The group may have ended, or run another user's program."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signum)
