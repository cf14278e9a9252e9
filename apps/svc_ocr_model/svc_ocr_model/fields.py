"""Parse protobuf messages with a bounded number of fields: an empty input takes two bytes there, and 94 in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from svc_ocr_model.tensors import Refused

M = TypeVar("M", bound=Message)

#: Of fields and numbers in one message, with the messages inside it.
MOST_FIELDS = 10_000
_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10
_TEXTS = {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}


def parse(kind: type[M], body: bytes) -> M:
    """Return the message in ``body``. Raises Refused."""
    if count(body, kind) > MOST_FIELDS:
        raise Refused(f"a message has at most {MOST_FIELDS} fields")
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise Refused("not a message of the protocol") from error


def count(body: bytes, kind: type[Message]) -> int:
    """Return the number of fields and numbers in ``body``, up to its first broken field.

    Counts little further than ``MOST_FIELDS``.
    """
    total = 0
    with suppress(IndexError):
        for held in _fields(memoryview(body), kind.DESCRIPTOR):
            total += held
            if total > MOST_FIELDS:
                break
    return total


def _fields(body: memoryview, kind: Any) -> Iterator[int]:
    """Yield 1 for each field, and for packed numbers the most that their bytes hold. ``kind`` is protobuf's descriptor.

    Raises IndexError when the last field is cut off.
    """
    place = 0
    while place < len(body):
        key, place = _varint(body, place)
        wire = key & 7
        yield 1
        if wire == _VARINT:
            _, place = _varint(body, place)
        elif wire == _LENGTH_DELIMITED:
            length, place = _varint(body, place)
            field = kind.fields_by_number.get(key >> 3)
            if field and field.message_type:
                yield from _fields(body[place : place + length], field.message_type)
            elif field and field.type not in _TEXTS:
                yield length
            place += length
        else:
            place += _FIXED.get(wire, 0)


def _varint(body: memoryview, place: int) -> tuple[int, int]:
    """Return the number at ``place``, and the place after it. Raises IndexError when none of ten bytes ends it."""
    value = 0
    for step in range(_LONGEST_VARINT):
        byte = body[place + step]
        value |= (byte & 0x7F) << 7 * step
        if byte < 0x80:
            return value, place + step + 1
    raise IndexError
