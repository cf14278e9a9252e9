"""Define a document and the state of its delivery."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass, field
from enum import StrEnum

from servicekit import upload

OCTETS = "application/octet-stream"

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")


class State(StrEnum):
    """Name the states of a delivery. A quarantined document ended its receiver several times."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Delivery:
    """Hold the state of a delivery.

    ``reason`` is the cause of the last failure. ``result`` is the JSON that the receiver answered. ``due`` is the time
    when the next try may start (seconds since 1970). ``crashes`` counts the tries that ended the receiver.
    """

    state: State = State.PENDING
    attempts: int = 0
    reason: str = ""
    result: object = None
    due: float = 0.0
    crashes: int = 0


@dataclass(frozen=True)
class Document:
    """Hold the facts that the service knows of a document.

    ``id`` is the SHA-256 of the bytes (hex). ``size`` is in bytes. ``received`` is an ISO 8601 time in UTC.
    """

    id: str
    name: str
    media_type: str
    size: int
    received: str
    delivery: Delivery = field(default_factory=Delivery)

    def as_json(self) -> dict[str, object]:
        """Return the document with the result of its delivery."""
        entry = self.as_entry()
        entry["delivery"] = {**self._shown(), "result": self.delivery.result}
        return entry

    def as_entry(self) -> dict[str, object]:
        """Return the document as lists have it, without the result, which may have megabytes."""
        return vars(self) | {"delivery": self._shown()}

    def _shown(self) -> dict[str, object]:
        delivery = self.delivery
        return {"state": delivery.state, "attempts": delivery.attempts, "reason": delivery.reason}


def clean_name(name: str | None) -> str:
    """Return the file's name without the client's folders (``servicekit.upload``), or "unnamed"."""
    return upload.clean_name(name) or "unnamed"


def media_type(declared: str | None, name: str) -> str:
    """Return the media type that the client declared, without parameters.

    When the declared type is missing, invalid or application/octet-stream, the file's name decides.
    """
    kind = (declared or "").partition(";")[0].strip().lower()
    if kind == OCTETS or not _MEDIA_TYPE.fullmatch(kind):
        return mimetypes.guess_type(name)[0] or OCTETS
    return kind
