"""Amounts of bytes, read and written."""

from __future__ import annotations

import pytest

from slipway.core.errors import UsageError
from slipway.core.units import parse_age, parse_size, size


@pytest.mark.parametrize(
    ("text", "count"),
    [("0 B", 0), ("7B", 7), ("1 kB", 1000), ("1.5 MB", 1_500_000), (" 2 GB ", 2_000_000_000), ("0.1 kB", 100)],
)
def test_a_size_is_read(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "2", "GB", "2 gb", "2 GiB", "-1 MB", "1e3 B", "1 MB over parent", "1. MB"])
def test_a_text_that_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a size") as caught:
        parse_size(text)
    assert caught.value.message == f"{text!r}: not a size"
    assert caught.value.hint == "'1.3 GB', or '200 MB'"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (9_990, "9.99 kB"),
        (9_996, "10.0 kB"),
        (99_940, "99.9 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_600, "1.00 MB"),
        (45_600_000, "45.6 MB"),
        (1_234_567_890, "1.23 GB"),
        (12_345_678_901_234, "12346 GB"),
    ],
)
def test_a_size_is_written_with_three_digits(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize("count", [1, 999, 1000, 45_600_000, 2_220_000_000])
def test_a_printed_size_is_parsed_back(count: int) -> None:
    assert parse_size(size(count)) == count


@pytest.mark.parametrize(("text", "seconds"), [("30d", 2_592_000), ("12h", 43_200), ("5m", 300), ("0s", 0)])
def test_an_age_is_in_seconds(text: str, seconds: int) -> None:
    assert parse_age(text, "--older-than") == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "1w", "30d ago", "٣d"])
def test_another_text_is_not_an_age(text: str) -> None:
    with pytest.raises(UsageError, match="not an age") as caught:
        parse_age(text, "--older-than")
    assert caught.value.hint == "--older-than 30d, --older-than 12h"
