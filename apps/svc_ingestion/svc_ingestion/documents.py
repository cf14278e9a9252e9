"""A document as it is known here, and how its handing-on stands."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass, field

OCTETS = "application/octet-stream"

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")


@dataclass(frozen=True)
class Delivery:
    """``state`` is pending, delivered or failed; ``due`` is when the next try may start (seconds since 1970).

    ``reason`` says why the last try went wrong; ``result`` is the JSON the receiver answered.
    """

    state: str = "pending"
    attempts: int = 0
    reason: str = ""
    result: object = None
    due: float = 0.0


@dataclass(frozen=True)
class Document:
    """``id`` is the SHA-256 of the bytes (hex), ``size`` in bytes, ``received`` an ISO 8601 time in UTC."""

    id: str
    name: str
    media_type: str
    size: int
    received: str
    delivery: Delivery = field(default_factory=Delivery)

    def as_json(self) -> dict[str, object]:
        shown = vars(self.delivery).copy()
        del shown["due"]
        return vars(self) | {"delivery": shown}


def clean_name(name: str | None) -> str:
    """The last part of the path a client sent, without control characters, at most 200 characters."""
    last = re.split(r"[/\\]", name or "")[-1]
    return "".join(character for character in last if character.isprintable()).strip()[:200] or "unnamed"


def media_type(declared: str | None, name: str) -> str:
    """The type the client declared, without parameters; guessed by the name when it declared none."""
    kind = (declared or "").partition(";")[0].strip().lower()
    if kind == OCTETS or not _MEDIA_TYPE.fullmatch(kind):
        return mimetypes.guess_type(name)[0] or OCTETS
    return kind
