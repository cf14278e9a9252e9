"""Standard streams: a child's three, each read or fed by a thread of its own, and the lines that we write to ours."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Callable
from typing import Protocol, TextIO

#: Gets each line of stderr (without its end) as it comes.
OnLine = Callable[[str], None]

_PIECE = 32768
#: A pipe, or a channel of an SSH connection, whose other end is gone; paramiko raises EOFError.
_OTHER_END_GONE = (ValueError, OSError, EOFError)
_KEPT_LINES = 200


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def readline(self, /) -> bytes: ...


class Writable(Protocol):
    def write(self, data: bytes, /) -> object: ...
    def close(self) -> None: ...


class LineReader:
    """Takes a stream apart; ``last`` holds its last 200 lines, ``broken`` what ``on_line`` raised.

    ``whole``: a last line that was never ended was cut off, and ``on_line`` does not get it.
    """

    def __init__(self, on_line: OnLine | None, *, whole: bool = False) -> None:
        self._on_line = on_line
        self._whole = whole
        self.last: deque[str] = deque(maxlen=_KEPT_LINES)
        self.broken: list[Exception] = []

    def read(self, stream: Readable | None) -> None:
        """Reads to the end even when ``on_line`` fails: a pipe that nobody reads would hang the child."""
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
    """In pieces: paramiko copies what is left of a large one at each step."""
    if stream:
        with contextlib.suppress(*_OTHER_END_GONE):
            for start in range(0, len(data), _PIECE):
                stream.write(data[start : start + _PIECE])
            stream.close()


class OutputError(Exception):
    """Our own stdout or stderr cannot be written: ``cause``."""

    def __init__(self, stream: TextIO, cause: OSError) -> None:
        self.stream = stream
        self.cause = cause
        name = "stderr" if stream is sys.stderr else "stdout"
        super().__init__(f"{name}: {cause.strerror}")


def emit(text: str, terminal: TextIO | None) -> None:
    """Write a line and its end at once: ``print`` writes them one after the other, and another thread's in between.

    A stream that was closed before the start gets nothing. Raises OutputError.
    """
    if terminal is None:
        return
    try:
        terminal.write(f"{text}\n")
        terminal.flush()
    except OSError as error:
        raise OutputError(terminal, error) from error
