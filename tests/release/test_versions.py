"""The version after a version."""

from __future__ import annotations

import pytest

from slipway.core.errors import UsageError
from slipway.release.versions import raised


@pytest.mark.parametrize(
    ("version", "to", "after"),
    [
        ("v0.1.0", "patch", "v0.1.1"),
        ("v0.1.9", "minor", "v0.2.0"),
        ("v1.2.3", "major", "v2.0.0"),
        ("1.2.3", "patch", "1.2.4"),
        ("base-1.2.3", "minor", "base-1.3.0"),
        ("v0.9.0", "v0.10.0", "v0.10.0"),
        ("v1.0.0", "v1.0.0.post1", "v1.0.0.post1"),
        ("v1.0.0rc1", "v1.0.0", "v1.0.0"),
        ("nightly", "v1.0.0", "v1.0.0"),
        ("bookworm-1", "bookworm-2", "bookworm-2"),
        ("bookworm-9", "trixie-1", "trixie-1"),
        ("v1.0.0", "2-1.0.x", "2-1.0.x"),
    ],
)
def test_a_version_rises(version: str, to: str, after: str) -> None:
    assert raised(version, to) == after


@pytest.mark.parametrize(
    ("version", "to", "what"),
    [
        ("v0.10.0", "v0.9.0", "BASE_VERSION=v0.9.0: does not rise above v0.10.0"),
        ("v0.1.0", "v0.1.0", "BASE_VERSION=v0.1.0: does not rise above v0.1.0"),
        ("v1.0.0", "1.0.0", "BASE_VERSION=1.0.0: does not rise above v1.0.0"),
        ("bookworm-2", "bookworm-1", "BASE_VERSION=bookworm-1: does not rise above bookworm-2"),
        ("2-1.0.x", "2-1.0.x", "BASE_VERSION=2-1.0.x: does not rise above 2-1.0.x"),
        ("2024.1", "patch", "BASE_VERSION=2024.1: is not numbered MAJOR.MINOR.PATCH, so it has no patch number"),
        ("v1.0.0", "nightly", "nightly: not a version, which has a number"),
        ("v1.0.0", "v1+x", "BASE_VERSION=v1+x: not a tag"),
    ],
)
def test_a_version_that_does_not_rise_is_refused(version: str, to: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        raised(version, to)
    assert caught.value.message == what


def test_a_misspelled_part_is_not_taken_for_a_version() -> None:
    with pytest.raises(UsageError) as caught:
        raised("v1.0.0", "minro")
    assert (caught.value.message, caught.value.hint) == (
        "minro: not a version, which has a number",
        "did you mean minor?",
    )
