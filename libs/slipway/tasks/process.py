"""The process while a slipway task runs: signals, standard streams, bytecode. Afterwards it is as it was before.

A task of somebody else that follows in the same chain finds its own signal handlers.
"""

from __future__ import annotations

import atexit
import codecs
import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, TextIO

from slipway.core.streams import OutputError, emit

TERMINATED = "error: ended by SIGTERM; what was finished is kept"
INTERRUPTED = "error: interrupted; what was finished is kept\nhint:  run the same command to go on"
#: As a Unix program that writes to a pipe which nobody reads any more: 128 and SIGPIPE.
PIPE_CLOSED = 141

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: What a terminal that has only ASCII is shown in place of slipway's own marks.
_ASCII = str.maketrans({"└": "`", "├": "|", "│": "|", "─": "-", "·": "-", "×": "x", "–": "-", "…": "...", "→": "->"})
_ERRORS = "slipway-readable"


class Terminated(BaseException):
    """SIGTERM came."""


@contextlib.contextmanager
def ours(*, keep: bool) -> Iterator[None]:
    """Signals raise, streams take any text, and modules keep their bytecode, as long as this lasts.

    ``keep``: only slipway's tasks follow, so a signal between two of them ends the chain in the contract's form.
    """
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, bool(sys.flags.dont_write_bytecode)
    with _readable(sys.stdout), _readable(sys.stderr), _signals(keep=keep):
        try:
            yield
        finally:
            sys.dont_write_bytecode = bytecode


@contextlib.contextmanager
def _signals(*, keep: bool) -> Iterator[None]:
    """A signal that is ignored stays ignored, as after ``nohup`` and in a shell's background."""
    if threading.current_thread() is not threading.main_thread():  # where Python sets no handlers
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
            elif signal.getsignal(signum) != signal.SIG_IGN:  # else the chain ends here
                signal.signal(signum, _leave)
        atexit.unregister(_ignore_defaults)
        atexit.register(_ignore_defaults)


def heed_no_more() -> None:
    """All is cleaned up: one more Ctrl-C would only cut the last words off."""
    if threading.current_thread() is threading.main_thread():
        for signum in _SIGNALS:
            signal.signal(signum, signal.SIG_IGN)


def _ignore_defaults() -> None:
    """While Python ends a signal changes nothing. A handler of somebody else stays."""
    for signum in _SIGNALS:
        if signal.getsignal(signum) in (signal.default_int_handler, signal.SIG_DFL, _leave):
            signal.signal(signum, signal.SIG_IGN)


def _terminated(signum: int, frame: object) -> None:
    raise Terminated


def _leave(signum: int, frame: object) -> None:
    """A signal between two tasks."""
    heed_no_more()
    with contextlib.suppress(OutputError):
        emit(TERMINATED if signum == signal.SIGTERM else INTERRUPTED, sys.stderr)
    sys.exit(128 + signum)


@contextlib.contextmanager
def _readable(stream: Any) -> Iterator[None]:
    """Text that the stream's encoding lacks is shown in ASCII or escaped: a file's name need not be text."""
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
    """Whether a person may see it; a stream that was closed before the start is None."""
    return stream is not None and stream.isatty()


def silence(stream: TextIO) -> None:
    """Let a stream that cannot be written go nowhere, or Python complains of it when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
