"""Keep the id of the current request, for logs and errors."""

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
    """Return the id of the current request, or an empty string between requests."""
    return _current.get()


@contextmanager
def named(sent: str) -> Iterator[None]:
    """Set the id of the current request while the context is open.

    The id is ``sent``, the client's, when it is a plain word: 1 to 64 letters, digits, dots, underscores and hyphens.
    Any other id is replaced by a random one.
    """
    token = _current.set(sent if _PLAIN.fullmatch(sent) else uuid.uuid4().hex)
    try:
        yield
    finally:
        _current.reset(token)
