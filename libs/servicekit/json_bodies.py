"""Parse strict JSON with a bounded number of values: an empty list takes three bytes in a body, and 72 in memory."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

import orjson

#: Of lists, objects, names, texts, numbers and words in one body.
MOST_VALUES = 250_000
#: A text, the beginning of a list or an object, or another value; and all that separates it from the next one. No part
#: gives back a byte that it took (``*+``), so that a search takes linear time.
_VALUE = re.compile(rb'(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[^\s\[\]{}",:]++)[\s\]},:]*+', re.DOTALL)


class TooManyValues(ValueError):
    """Raised for a body of more than ``MOST_VALUES`` values."""

    def __init__(self) -> None:
        super().__init__(f"a JSON body has at most {MOST_VALUES} values")


def parse(body: bytes) -> Any:
    """Return the value of ``body``, as RFC 8259 defines it: no NaN, no Infinity, no half of a surrogate pair.

    Raises orjson.JSONDecodeError, and TooManyValues before it parses.
    """
    if len(body) > MOST_VALUES and count(body) > MOST_VALUES:  # a value takes at least one byte
        raise TooManyValues
    return orjson.loads(body)


def count(body: bytes) -> int:
    """Return the number of values in ``body``, or ``MOST_VALUES`` + 1 when it has more."""
    return sum(1 for _ in islice(_VALUE.finditer(body), MOST_VALUES + 1))
