"""Test that a JSON body has a bounded number of values, and that counting them takes linear time."""

from __future__ import annotations

import json
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.json_bodies import MOST_VALUES, TooManyValues, count, parse

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


def size(value: Any) -> int:
    """Return the number of values in ``value``, with itself and the names of objects."""
    if isinstance(value, dict):
        return 1 + sum(1 + size(inner) for inner in value.values())
    return 1 + sum(map(size, value)) if isinstance(value, list) else 1


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_the_count_is_that_of_the_parsed_value(value: Any, ascii: bool, indent: int | None) -> None:
    assert count(json.dumps(value, ensure_ascii=ascii, indent=indent).encode()) == size(value)


@pytest.mark.parametrize("item", [b"[]", b"{}", b"7", b"-1.5e3", b"null", b'""', b'"\\"[,"'])
def test_a_body_has_as_many_values_as_the_limit_and_no_more(item: bytes) -> None:
    def body(values: int) -> bytes:
        return b"[" + b", ".join([item] * (values - 1)) + b"]"

    assert len(parse(body(MOST_VALUES))) == MOST_VALUES - 1
    with pytest.raises(TooManyValues, match="at most 250000 values"):
        parse(body(MOST_VALUES + 1))


def test_lists_in_lists_are_counted_before_they_are_parsed() -> None:
    with pytest.raises(TooManyValues):
        parse(b"[" * (MOST_VALUES + 1))


def test_a_long_text_is_one_value() -> None:
    text = 'a, [b]: {"c"} \\ ' * 20_000
    assert parse(json.dumps({"text": text}).encode()) == {"text": text}


@pytest.mark.parametrize("body", [b"NaN", b"[Infinity]", rb'"\ud800"', b'{"a": 1', b"", b'"' + b"a" * MOST_VALUES])
def test_a_body_that_is_not_json_is_refused_as_such(body: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        parse(body)


@pytest.mark.parametrize("unit", [b" ", b"]", b"7", b"\\", b'\\"', b"\\u0041", b" ]"])
@pytest.mark.parametrize("begin", [b"", b'"', b"7"])
def test_counting_takes_linear_time(begin: bytes, unit: bytes) -> None:
    def seconds(length: int) -> float:
        began = time.perf_counter()
        assert count(begin + unit * (length // len(unit))) <= 2
        return time.perf_counter() - began

    assert seconds(400_000) < 10 * seconds(100_000) + 0.5
