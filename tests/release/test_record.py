"""The record of a release: its bytes, and the reasons for which slipway does not read one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.core.errors import RegistryError
from slipway.core.reference import Reference
from slipway.release.record import PREVIOUS, MovedTag, Record, ReleasedImage, Source, read_record
from tests.properties.examples import examples

ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")
BASE = ReleasedImage("base", Reference("localhost:5000", "acme/base", "v1"), ONE, TWO, tags=(MovedTag("v1"),))
SERVICE = ReleasedImage(
    "svc-till",
    Reference("localhost:5000", "acme/svc-till", "v1"),
    TWO,
    THREE,
    ONE,
    ("linux/amd64", "linux/arm64"),
    4_096,
    (MovedTag("v1"), MovedTag("latest", THREE, moves=True)),
)
RECORD = Record("v1", (BASE, SERVICE), Source("c0ffee", True), {"docker": "28.5.2", "slipway": "0.1.0"}, THREE)

_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)
_TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,7}", fullmatch=True)
_MOVED = st.builds(MovedTag, _TAGS, st.just("") | _DIGESTS, st.booleans())
_REFERENCES = st.builds(
    Reference, st.sampled_from(["localhost:5000", "ghcr.io", "docker.io"]), st.just("acme/svc") | st.just("x"), _TAGS
)
_IMAGES = st.builds(
    ReleasedImage,
    _WORDS,
    _REFERENCES,
    _DIGESTS,
    _DIGESTS,
    st.just("") | _DIGESTS,
    st.lists(_WORDS, max_size=2).map(tuple),
    st.integers(0, 1 << 60),
    st.lists(_MOVED, max_size=2).map(tuple),
)
RECORDS = st.builds(
    Record,
    _WORDS,
    st.lists(_IMAGES, max_size=3).map(tuple),
    st.builds(Source, _WORDS, st.booleans()),
    st.dictionaries(_WORDS, _WORDS, max_size=3),
    st.just("") | _DIGESTS,
)


@examples(60)
@given(RECORDS)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert read_record(record.content, "v1") == record
    assert record.content == replace(record, tools=dict(reversed(list(record.tools.items())))).content


def test_a_record_is_an_in_toto_statement_about_all_images() -> None:
    found = json.loads(RECORD.content)
    assert (found["_type"], found["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slipway.dev/release/v1",
    )
    assert found["subject"] == [
        {"name": "localhost:5000/acme/base", "digest": {"sha256": "1" * 64}},
        {"name": "localhost:5000/acme/svc-till", "digest": {"sha256": "2" * 64}},
    ]
    assert {key: value for key, value in found["predicate"].items() if key != "images"} == {
        "version": "v1",
        "source": {"revision": "c0ffee", "dirty": True},
        "tools": {"docker": "28.5.2", "slipway": "0.1.0"},
        "previous": THREE,
    }
    assert found["predicate"]["images"][1] == {
        "name": "svc-till",
        "reference": "localhost:5000/acme/svc-till:v1",
        "digest": TWO,
        "inputDigest": THREE,
        "baseDigest": ONE,
        "platforms": ["linux/amd64", "linux/arm64"],
        "size": 4_096,
        "tags": [
            {"name": "v1", "digest": TWO, "before": "", "moves": False},
            {"name": "latest", "digest": TWO, "before": THREE, "moves": True},
        ],
    }


def test_its_artifact_names_the_record_before() -> None:
    assert RECORD.artifact.type == "application/vnd.slipway.release.v1+json"
    assert RECORD.artifact.content == RECORD.content
    assert RECORD.artifact.annotations == {PREVIOUS: THREE}
    assert replace(RECORD, previous="").artifact.annotations == {}


Change = Callable[[dict[str, Any]], object]
_PREDICATE, _FIRST = "predicate", ("predicate", "images", 0)


def _set(*path: str | int, to: object) -> Change:
    def change(statement: Any) -> None:
        *above, last = path
        for key in above:
            statement = statement[key]
        statement[last] = to

    return change


def _drop(*path: str | int) -> Change:
    def change(statement: Any) -> None:
        *above, last = path
        for key in above:
            statement = statement[key]
        del statement[last]

    return change


BROKEN: Mapping[str, Change] = {
    "_type is not https://in-toto.io/Statement/v1": _set("_type", to="https://in-toto.io/Statement/v0.1"),
    "predicateType is not https://slipway.dev/release/v1": _set("predicateType", to="https://slsa.dev/provenance/v1"),
    "predicate is not an object": _set(_PREDICATE, to=[]),
    "predicate.images is not a list": _set(_PREDICATE, "images", to={}),
    "predicate.source.dirty is not true or false": _set(_PREDICATE, "source", "dirty", to=1),
    "predicate.tools.docker is not a text": _set(_PREDICATE, "tools", "docker", to=28),
    "predicate.previous is not a sha256 digest": _set(_PREDICATE, "previous", to="sha256:12"),
    "predicate.images[0].digest is missing": _drop(*_FIRST, "digest"),
    "predicate.images[0].digest is not a text": _set(*_FIRST, "digest", to=None),
    "predicate.images[0].size is not a number of bytes": _set(*_FIRST, "size", to=-1),
    "predicate.images[0].reference is not an image's name": _set(*_FIRST, "reference", to="UPPER/"),
    "predicate.images[0].reference has no tag, or a digest": _set(*_FIRST, "reference", to="acme/base"),
    f"predicate.images[0].tags[0].digest is not {ONE}": _set(*_FIRST, "tags", 0, "digest", to=TWO),
    "its subjects are not its images": _drop("subject", 0),
}


@pytest.mark.parametrize("said", BROKEN)
def test_an_error_names_the_part_that_is_wrong(said: str) -> None:
    statement = json.loads(RECORD.content)
    BROKEN[said](statement)
    with pytest.raises(RegistryError) as caught:
        read_record(json.dumps(statement).encode(), "acme/releases:v1")
    assert caught.value.message == f"acme/releases:v1: is not a record of a release: {said}"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_bytes_that_are_not_json_are_refused(content: bytes) -> None:
    with pytest.raises(RegistryError, match="v1: is not a record of a release: it is not JSON"):
        read_record(content, "v1")


@pytest.mark.parametrize("content", [b"[]", b"7", b"null", b'"x"'])
def test_json_that_is_not_an_object_is_refused(content: bytes) -> None:
    with pytest.raises(RegistryError, match="the statement is not an object"):
        read_record(content, "v1")
