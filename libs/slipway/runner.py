"""The only place where a process is started.

A child gets its own process group and, on Linux, dies with us; Ctrl-C ends the whole group.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO, Protocol

from slipway.command import Command, Result
from slipway.settings import inherited

#: Gets each line of stderr (without its end) as it comes.
OnLine = Callable[[str], None]

#: Buildx cancels and pytest removes its containers within this; then the group is killed.
_GRACE_SECONDS = 4.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Run(Protocol):
    """Runs a command to its end. Absent programs give exit code 127, a time-out 124."""

    def __call__(self, command: Command, on_line: OnLine | None = None, timeout: float | None = None) -> Result: ...


def run(command: Command, on_line: OnLine | None = None, timeout: float | None = None) -> Result:
    """Run ``command`` here. ``timeout`` in seconds. stdout is kept whole; of stderr the last 200 lines.

    Raises what ``on_line`` raises, once the command has ended.
    """
    started = time.monotonic()
    try:
        child = _start(command)
    except FileNotFoundError as error:
        return Result(127, "", f"{error.filename}: not found", time.monotonic() - started)
    except OSError as error:
        return Result(126, "", f"{error.filename}: {error.strerror}", time.monotonic() - started)
    stdout: list[bytes] = []
    stderr: deque[str] = deque(maxlen=200)
    broken: list[Exception] = []
    readers = [
        threading.Thread(target=_collect, args=(child.stdout, stdout), daemon=True),
        threading.Thread(target=_lines, args=(child.stderr, stderr, on_line, broken), daemon=True),
        threading.Thread(target=_feed, args=(child.stdin, command.stdin), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        exit_code = child.wait(timeout)
    except subprocess.TimeoutExpired:
        _end(child)
        exit_code = 124
    except BaseException:
        _end(child)
        raise
    for reader in readers:
        reader.join(timeout=5)
    if broken:
        raise broken[0]
    text = b"".join(stdout).decode("utf-8", "replace")
    return Result(exit_code, text, "\n".join(stderr), time.monotonic() - started)


def _start(command: Command) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command.argv,
        cwd=command.cwd or None,
        env=inherited(command.env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_die_with_parent if _LIBC else None,
    )


def _die_with_parent() -> None:
    if _LIBC:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


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


def _collect(stream: IO[bytes] | None, into: list[bytes]) -> None:
    if stream:
        with contextlib.suppress(ValueError):
            into.extend(iter(lambda: stream.read1(65536), b""))  # type: ignore[attr-defined]


def _lines(stream: IO[bytes] | None, into: deque[str], on_line: OnLine | None, broken: list[Exception]) -> None:
    """Reads to the end even when ``on_line`` fails: a pipe that nobody reads would hang the child."""
    if not stream:
        return
    with contextlib.suppress(ValueError):
        for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            into.append(line)
            if on_line and not broken:
                try:
                    on_line(line)
                except Exception as error:
                    broken.append(error)


def _feed(stream: IO[bytes] | None, data: bytes) -> None:
    if stream:
        with contextlib.suppress(BrokenPipeError, ValueError):
            if data:
                stream.write(data)
            stream.close()
