"""Read and feed a child's standard streams, each in its own thread, and write lines to slipway's own."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Callable
from typing import Protocol, TextIO

#: Receives each line of stderr, without its newline, when it arrives.
OnLine = Callable[[str], None]

_PIECE = 32768
#: Raised by a pipe, or by a channel of an SSH connection, whose other end is closed. EOFError is paramiko's.
_OTHER_END_GONE = (ValueError, OSError, EOFError)
_KEPT_LINES = 200


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def readline(self, /) -> bytes: ...


class Writable(Protocol):
    def write(self, data: bytes, /) -> object: ...
    def close(self) -> None: ...


class LineReader:
    """Read a stream line by line. ``last`` holds the last 200 lines, ``broken`` the exception of ``on_line``.

    ``whole``: ``on_line`` gets only lines that end with a newline. A last line without one was cut off.
    """

    def __init__(self, on_line: OnLine | None, *, whole: bool = False) -> None:
        self._on_line = on_line
        self._whole = whole
        self.last: deque[str] = deque(maxlen=_KEPT_LINES)
        self.broken: list[Exception] = []

    def read(self, stream: Readable | None) -> None:
        """Read to the end of the stream, even when ``on_line`` fails.

        The child would block on a pipe that is not read.
        """
        if not stream:
            return
        with contextlib.suppress(*_OTHER_END_GONE):
            for raw in iter(stream.readline, b""):
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                self.last.append(line)
                if self._on_line and not self.broken and (raw.endswith(b"\n") or not self._whole):
                    try:
                        self._on_line(line)
                    except Exception as error:
                        self.broken.append(error)


def collect(stream: Readable | None, into: list[bytes]) -> None:
    if stream:
        with contextlib.suppress(*_OTHER_END_GONE):
            into.extend(iter(lambda: stream.read(_PIECE), b""))


def feed(stream: Writable | None, data: bytes) -> None:
    """Write ``data`` in pieces, then close: paramiko copies the rest of a large piece at each step."""
    if stream:
        with contextlib.suppress(*_OTHER_END_GONE):
            for start in range(0, len(data), _PIECE):
                stream.write(data[start : start + _PIECE])
            stream.close()


class OutputError(Exception):
    """Report that slipway's own stdout or stderr cannot be written. ``cause`` is the system's error."""

    def __init__(self, stream: TextIO, cause: OSError) -> None:
        self.stream = stream
        self.cause = cause
        name = "stderr" if stream is sys.stderr else "stdout"
        super().__init__(f"{name}: {cause.strerror}")


def emit(text: str, terminal: TextIO | None) -> None:
    """Write a line and its newline in one call. Raises OutputError.

    ``print`` writes them in two calls, and another thread's text can come between them. ``terminal`` is None for a
    stream that was closed before slipway started; then nothing is written.
    """
    if terminal is None:
        return
    try:
        terminal.write(f"{text}\n")
        terminal.flush()
    except OSError as error:
        raise OutputError(terminal, error) from error
