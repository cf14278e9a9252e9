"""Name the request that is being answered, for logs and errors."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "X-Request-ID"

_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def request_id() -> str:
    """Return the id of the request that is being answered; an empty string between requests."""
    return _current.get()


@contextmanager
def named(sent: str) -> Iterator[None]:
    """Let this be the request of the id that a client sent, or of a new one where the client's is no plain word."""
    token = _current.set(sent if _PLAIN.fullmatch(sent) else uuid.uuid4().hex)
    try:
        yield
    finally:
        _current.reset(token)
