"""Keep the id of the current request, for logs and errors, and the facts that its log line tells."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

HEADER = "X-Request-ID"
#: W3C Trace Context: version, trace id, span id, flags.
TRACE_HEADER = "traceparent"

_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACE = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True)
class _Current:
    id: str = ""
    facts: dict[str, object] = field(default_factory=dict)


_current: ContextVar[_Current | None] = ContextVar("request", default=None)


def request_id() -> str:
    """Return the id of the current request, or an empty string between requests."""
    current = _current.get()
    return current.id if current else ""


def note(**facts: object) -> None:
    """Add facts to the log line of the current request: ``note(document=id)``."""
    if current := _current.get():
        current.facts.update(facts)


def noted() -> Mapping[str, object]:
    """Return the facts of the current request."""
    current = _current.get()
    return current.facts if current else {}


@contextmanager
def named(sent: str, trace: str = "") -> Iterator[None]:
    """Set the id of the current request while the context is open.

    The id is ``sent``, the client's, when it is a plain word: 1 to 64 letters, digits, dots, underscores and hyphens.
    Else it is the trace id of ``trace``, the client's traceparent, or a random one.
    """
    traced = _TRACE.fullmatch(trace)
    id = sent if _PLAIN.fullmatch(sent) else traced[1] if traced else uuid.uuid4().hex
    token = _current.set(_Current(id))
    try:
        yield
    finally:
        _current.reset(token)
