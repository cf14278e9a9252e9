"""The plan of a release: its moving tags, its JSON, and the moves of a run that another one began."""

from __future__ import annotations

import json

import pytest

from slipway.core.reference import Reference
from slipway.push.inspect import Push
from slipway.release.planned import Planned, PlannedImage, moving_tag
from slipway.release.record import MovedTag, Source

ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")
REFERENCE = Reference("localhost:5000", "acme/svc-till", "v1")
PLATFORMS = ("linux/amd64", "linux/arm64")
CONTENT = REFERENCE.tagged("in-1")
PUSH = Push("svc-till", REFERENCE, CONTENT, ONE, TWO, "", THREE, 0, ("base",), ONE, platforms=PLATFORMS, whole=False)
TAGS = (MovedTag("latest", THREE, moves=True), MovedTag("v1"))
PLANNED = Planned("v1", (PlannedImage(PUSH, "base", PLATFORMS, TAGS),), Source("c0ffee", True), {"a": "1"}, ONE)


@pytest.mark.parametrize(
    ("tag", "version", "expected"),
    [
        ("v1", "v1", "latest"),
        ("v1-cpu", "v1", "latest-cpu"),
        ("cpu_v1", "v1", "cpu_latest"),
        ("cpu-1.0.1", "1", "latest"),
        ("base-2.0", "v1", "latest"),
        ("1-1", "1", "latest-1"),
    ],
)
def test_a_moving_tag_keeps_the_words_around_the_version(tag: str, version: str, expected: str) -> None:
    assert moving_tag(tag, version, "latest") == expected


def test_a_plan_is_read_from_its_json() -> None:
    assert Planned.read(json.loads(json.dumps(PLANNED.as_json()))) == PLANNED


def test_the_version_tags_move_first() -> None:
    assert [reference.tag for reference in PLANNED.tags] == ["v1", "latest"]


def test_a_tag_that_an_earlier_run_moved_is_restored_to_the_digest_of_the_start() -> None:
    moves = PLANNED.moves({REFERENCE: TWO, REFERENCE.tagged("latest"): None})
    assert [(move.reference.tag, move.before, move.is_done, move.was_moved) for move in moves] == [
        ("v1", "", True, True),
        ("latest", THREE, False, False),
    ]
