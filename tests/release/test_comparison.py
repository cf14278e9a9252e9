"""A release beside the registry: its tags and content, and the way back to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from slipway.core.errors import MixedReleaseError, RegistryError
from slipway.push.upload import holes
from slipway.release.comparison import (
    TagState,
    compare,
    compare_tags,
    holes_of_each,
    refuse_differences,
    refuse_lost,
)
from slipway.release.record import Record
from slipway.release.rollback import roll_back, rollback_moves
from slipway.runs.run import Run
from slipway.testing.fakes import RegistryServer
from tests.release.shop import NAMES, OWNER, Shop, released_twice


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as server:
        yield server


@pytest.fixture
def one(server: RegistryServer, tmp_path: Path) -> Shop:
    """Return a shop that has released v1, and then v2 of other content, both also as latest."""
    return released_twice(server, tmp_path)


@pytest.fixture
def record(one: Shop) -> Record:
    return one.records.get("v1").record


def states(one: Shop, record: Record) -> Sequence[tuple[str, str]]:
    """Return tag and state, of those tags that do not stand as released."""
    found = compare(record, one.registry)
    return [(str(it.reference).rpartition("/")[2], it.state) for it in found if it.state is not TagState.RELEASED]


def test_a_tag_that_moves_may_have_moved_on(one: Shop, record: Record) -> None:
    assert states(one, record) == [(f"{name}:latest", "moved on") for name in NAMES]
    refuse_differences("v1", compare(record, one.registry))
    assert states(one, one.records.get("v2").record) == []


@pytest.mark.fault("P47")
@pytest.mark.fault("U11")
def test_a_version_tag_that_differs_is_an_error(one: Shop, record: Record) -> None:
    two = one.stands("v2")
    one.server.tags[f"{OWNER}/svc-cart", "v1"] = two["svc-cart"]
    del one.server.tags[f"{OWNER}/svc-till", "v1"]
    with pytest.raises(RegistryError) as caught:
        refuse_differences("v1", compare(record, one.registry))
    assert (caught.value.exit_code, caught.value.code) == (7, "release-differs")
    assert caught.value.message == (
        "release v1: 2 of 8 tags are not as its record says\n"
        f"  {one.server.host}/acme/svc-cart:v1: {two['svc-cart'][:19]}, not {one.contents['svc-cart'][:19]}\n"
        f"  {one.server.host}/acme/svc-till:v1: no such tag, not {one.contents['svc-till'][:19]}"
    )
    assert caught.value.hint == "invoke release-rollback v1"


@pytest.mark.fault("P47")
def test_lost_content_is_an_error(one: Shop, record: Record) -> None:
    digest = one.contents["svc-cart"]
    config = one.registry.manifest(one.server.reference(f"{OWNER}/svc-cart", "v1")).config
    del one.server.blobs[f"{OWNER}/svc-cart", config]
    assert ("svc-cart:v1", "differs") in states(one, record)
    with pytest.raises(RegistryError, match=rf"svc-cart:v1: {digest[:19]}: the registry has lost {config[:19]} of it"):
        refuse_differences("v1", compare(record, one.registry))
    with pytest.raises(RegistryError, match="has lost content of it; no version tag moved"):
        refuse_lost("v1", compare(record, one.registry))


def test_a_shared_blob_that_is_missing_in_one_repository_is_found_by_asking_in_each(one: Shop) -> None:
    shared = one.registry.manifest(one.server.reference(f"{OWNER}/svc-cart", "v1"))
    pushes = [push for push in one.planned().pushes if push.image in ("svc-cart", "svc-till")]
    for push in pushes:
        for blob in shared.blobs:
            one.server.blobs[push.reference.path, blob] = b""
    manifests = {push.image: shared for push in pushes}
    assert holes_of_each(pushes, manifests, one.registry) == {}
    del one.server.blobs[f"{OWNER}/svc-till", shared.blobs[0]]
    assert holes_of_each(pushes, manifests, one.registry) == {"svc-till": [shared.blobs[0]]}
    assert holes(pushes, manifests, one.registry) == {}, "asked once, where the registry has it"


def test_the_tags_alone_are_compared_without_a_look_at_blobs(one: Shop, record: Record) -> None:
    del one.server.requests[:]
    compare_tags(record, one.registry)
    assert len(one.server.requests) == 8


def test_a_rollback_moves_the_tags_and_no_blob(one: Shop, record: Record, tmp_path: Path) -> None:
    moves = rollback_moves(compare(record, one.registry))
    assert [move.reference.tag for move in moves] == ["latest"] * 4
    del one.server.requests[:]
    with Run(tmp_path / "back") as run:
        roll_back("v1", moves, one.registry, run)
    assert one.stands("latest") == one.stands("v1") == one.contents
    puts = [request for request in one.server.requests if request.startswith(("PUT", "POST"))]
    assert [put for put in puts if "sha256:" not in put] == [f"PUT /v2/acme/{name}/manifests/latest" for name in NAMES]
    assert {put.rpartition("sha256:")[0] for put in puts if "sha256:" in put} == {
        f"PUT /v2/acme/{name}/manifests/" for name in NAMES
    }
    refuse_differences("v1", compare(record, one.registry))


def test_a_rollback_that_fails_leaves_the_tags(one: Shop, record: Record, tmp_path: Path) -> None:
    before = one.stands("latest")
    fault = one.server.fault("PUT .*/svc-sign/manifests/latest", 403, times=99)
    with Run(tmp_path / "back") as run, pytest.raises(RegistryError, match="; no version tag moved"):
        roll_back("v1", rollback_moves(compare(record, one.registry)), one.registry, run)
    assert fault.struck == 1 and one.stands("latest") == before


def test_a_rollback_reports_the_tags_that_it_cannot_restore(one: Shop, record: Record, tmp_path: Path) -> None:
    fault = one.server.fault("PUT .*/manifests/latest", 503, after=2, times=99)
    with Run(tmp_path / "back") as run, pytest.raises(MixedReleaseError) as caught:
        roll_back("v1", rollback_moves(compare(record, one.registry)), one.registry, run)
    assert fault.struck and "2 of 4 version tags moved" in caught.value.message
    assert caught.value.hint == "invoke release-rollback v1"
