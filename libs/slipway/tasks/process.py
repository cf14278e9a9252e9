"""Prepare the process for a slipway task, and restore it afterwards: signals, standard streams, bytecode.

So another project's task that follows on the same command line finds its own signal handlers.
"""

from __future__ import annotations

import atexit
import codecs
import contextlib
import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, TextIO

from slipway.core.streams import OutputError, emit

TERMINATED = "error: ended by SIGTERM; finished work is kept"
INTERRUPTED = "error: interrupted; finished work is kept\nhint:  run the same command to continue"
#: The exit code of a Unix program that writes to a pipe without a reader: 128 and SIGPIPE.
PIPE_CLOSED = 141

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Replacements of slipway's own marks for a terminal that has only ASCII.
_ASCII = str.maketrans({"└": "`", "├": "|", "│": "|", "─": "-", "·": "-", "×": "x", "–": "-", "…": "...", "→": "->"})
_ERRORS = "slipway-readable"


class Terminated(BaseException):
    """Report that the process received SIGTERM."""


@contextlib.contextmanager
def ours(*, keep: bool) -> Iterator[None]:
    """Make signals raise, streams accept any text, and modules keep their bytecode inside the block.

    ``keep``: only slipway's tasks follow. Then a signal between two of them ends the program with slipway's own
    message, and Python does not search for unused objects while it ends.
    """
    if keep:
        atexit.unregister(gc.freeze)
        atexit.register(gc.freeze)
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, bool(sys.flags.dont_write_bytecode)
    with _readable(sys.stdout), _readable(sys.stderr), _signals(keep=keep):
        try:
            yield
        finally:
            sys.dont_write_bytecode = bytecode


@contextlib.contextmanager
def _signals(*, keep: bool) -> Iterator[None]:
    """Make SIGINT and SIGTERM raise inside the block.

    A signal that is ignored stays ignored, as after ``nohup`` and in a shell's background.
    """
    if threading.current_thread() is not threading.main_thread():  # Python sets no handlers in other threads
        yield
        return
    before = {signum: signal.getsignal(signum) for signum in _SIGNALS}
    taken = [signum for signum, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for signum in taken:
        signal.signal(signum, signal.default_int_handler if signum == signal.SIGINT else _terminated)
    try:
        yield
    finally:
        for signum in taken:
            if not keep:
                signal.signal(signum, before[signum])
            elif signal.getsignal(signum) != signal.SIG_IGN:  # an ignored signal means that the chain ends
                signal.signal(signum, _leave)
        atexit.unregister(_ignore_defaults)
        atexit.register(_ignore_defaults)


def heed_no_more() -> None:
    """Ignore SIGINT and SIGTERM after the cleanup: another Ctrl-C would only cut off the last output.

    Python marks an interrupt inside ``exec`` of a text, as where a dataclass is made, until it evaluates another text.
    With that mark ``python -m invoke`` would end by SIGINT, and not with slipway's exit code.
    """
    eval("None")
    if threading.current_thread() is threading.main_thread():
        for signum in _SIGNALS:
            signal.signal(signum, signal.SIG_IGN)


def _ignore_defaults() -> None:
    """Ignore signals while Python ends. A handler that another project has set stays."""
    for signum in _SIGNALS:
        if signal.getsignal(signum) in (signal.default_int_handler, signal.SIG_DFL, _leave):
            signal.signal(signum, signal.SIG_IGN)


def _terminated(signum: int, frame: object) -> None:
    raise Terminated


def _leave(signum: int, frame: object) -> None:
    """End the program when a signal arrives between two tasks."""
    heed_no_more()
    with contextlib.suppress(OutputError):
        emit(TERMINATED if signum == signal.SIGTERM else INTERRUPTED, sys.stderr)
    sys.exit(128 + signum)


@contextlib.contextmanager
def _readable(stream: Any) -> Iterator[None]:
    """Show text in ASCII or escaped where the stream's encoding cannot hold it.

    A file's name may be invalid text.
    """
    before = stream.errors if isinstance(stream, io.TextIOWrapper) else None
    if before is None:
        yield
        return
    codecs.register_error(_ERRORS, _in_ascii)
    stream.reconfigure(errors=_ERRORS)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            stream.reconfigure(errors=before)


def _in_ascii(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_ASCII)
    return text.encode("ascii", "backslashreplace").decode(), error.end


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a person may see the stream. A stream that was closed before the start is None."""
    return stream is not None and stream.isatty()


def silence(stream: TextIO) -> None:
    """Redirect an unwritable stream to the null device, or Python reports an error when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
