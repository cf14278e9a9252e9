"""A stream whose other end is gone ends its thread without a word."""

from __future__ import annotations

import pytest

from slipway.core.streams import LineReader, collect, feed


class Gone:
    """A stream that works for ``calls`` calls, and raises ``error`` from then on."""

    def __init__(self, error: Exception, calls: int) -> None:
        self.error = error
        self.calls = calls
        self.written = b""

    def _use(self) -> None:
        self.calls -= 1
        if self.calls < 0:
            raise self.error

    def write(self, data: bytes, /) -> None:
        self._use()
        self.written += data

    def close(self) -> None:
        self._use()

    def read(self, size: int, /) -> bytes:
        self._use()
        return b"piece"

    def readline(self, /) -> bytes:
        self._use()
        return b"line\n"


ERRORS = [BrokenPipeError(), ValueError("closed"), EOFError()]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("calls", "written"), [(0, b""), (1, b"data")])
def test_a_reader_that_is_gone_ends_the_feeding(error: Exception, calls: int, written: bytes) -> None:
    gone = Gone(error, calls)
    feed(gone, b"data")
    assert (gone.written, gone.calls) == (written, -1)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_writer_that_is_gone_ends_the_reading(error: Exception) -> None:
    pieces: list[bytes] = []
    collect(Gone(error, 2), pieces)
    assert pieces == [b"piece", b"piece"]
    lines = LineReader(None)
    lines.read(Gone(error, 2))
    assert list(lines.last) == ["line", "line"]
