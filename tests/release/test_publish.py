"""A release against a registry on loopback: its order, its record, its faults, and its continuation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from slipway.core.errors import UsageError
from slipway.core.image import content_tag
from slipway.release.resume import read_release
from slipway.release.signing import Signing
from slipway.testing.fakes import RegistryServer
from tests.release.shop import NAMES, OWNER, PlainSignatures, Shop


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as server:
        yield server


@pytest.fixture
def shop(server: RegistryServer, tmp_path: Path) -> Shop:
    return Shop(server, tmp_path)


#: Lines in the journal of a signed release that moves eight tags, after the uploads: record, signature, claim, older
#: manifests, two for each tag, the record's publication, and the end of the claim.
LINES = 1 + 1 + 1 + 1 + 2 * 8 + 1 + 1


class Killed(BaseException):
    """End a run as SIGKILL does. slipway's cleanup has no effect, because the registry is silent."""


def released(shop: Shop, version: str = "v1") -> None:
    """Every tag stands for the content, and the record names it."""
    record = shop.record(version)
    assert record is not None
    assert shop.stands(version) == shop.stands("latest") == shop.contents
    assert {image.name: image.digest for image in record.images} == shop.contents


def test_all_tags_move_and_the_record_names_them(shop: Shop) -> None:
    older = shop.publish_older()
    assert shop.release(shop.planned()) == (0, "")
    released(shop)
    record = shop.record()
    assert record and [image.base_digest for image in record.images] == ["", *[shop.contents["base-floor"]] * 3]
    assert {image.name: [tag.before for tag in image.tags] for image in record.images} == {
        name: [older[name]] * 2 for name in NAMES
    }
    assert (record.source.revision, record.tools, record.previous) == ("c0ffee", {"docker": "28.5.2"}, "")


def test_a_line_of_the_journal_comes_before_each_step(shop: Shop) -> None:
    """In the order: content, record by its digest, claim, version tags, moving tags, record under its version."""
    seen: list[tuple[str, int]] = []
    shop.before_line = lambda entry: seen.append((next(iter(entry)), len(shop.server.requests)))
    shop.release(shop.planned())
    lines = [key for key, _ in seen if key != "moved"]
    assert lines == [*["upload"] * 4, "storing", "claiming", *["moving"] * 8, "publishing", "freeing"]
    puts = [number for number, request in enumerate(shop.server.requests) if request.startswith("PUT ")]
    writes = [number for key, number in seen if key not in ("upload", "moved")]
    assert all(any(write <= put for write in writes) for put in puts)
    moved = [str(entry["moving"]).rpartition(":")[2] for entry in shop.journal() if "moving" in entry]
    assert moved == ["v1"] * 4 + ["latest"] * 4


def test_a_second_release_names_the_record_before(shop: Shop, server: RegistryServer, tmp_path: Path) -> None:
    shop.release(shop.planned())
    first = server.tags["acme/releases", "v1"]
    later = Shop(server, tmp_path, "two")
    assert later.release(later.planned("v2")) == (0, "")
    record = later.record("v2")
    assert record and record.previous == first
    assert later.records.versions() == ("v2", "v1")
    released(later, "v2")


def test_the_same_release_again_changes_nothing(shop: Shop) -> None:
    planned = shop.planned()
    shop.release(planned)
    before = dict(shop.server.tags)
    assert shop.resume() == (0, "")
    assert shop.server.tags == before


@pytest.mark.fault("P15")
def test_a_version_with_another_record_is_refused_before_a_tag_moves(
    shop: Shop, server: RegistryServer, tmp_path: Path
) -> None:
    other = Shop(server, tmp_path, "two")
    planned = other.planned()
    shop.release(shop.planned())
    before, first = shop.stands("v1"), server.tags["acme/releases", "v1"]
    for late in (planned, other.planned()):
        code, said = other.release(late)
        assert code == 11 and f"was written before, as {first}" in said
        assert shop.stands("v1") == before and server.tags["acme/releases", "v1"] == first


def test_a_tag_that_a_push_moved_meanwhile_stays(shop: Shop, server: RegistryServer) -> None:
    planned = shop.planned()
    older = shop.publish_older()
    code, said = shop.release(planned)
    assert code == 7 and "did another run move it?" in said and "no version tag moved" in said
    assert shop.stands("v1") == older and shop.records.claimed() == ""


@pytest.mark.fault("P13")
def test_new_tags_without_a_record_are_mixed_and_a_resume_publishes(shop: Shop) -> None:
    fault = shop.server.fault("PUT .*/releases/manifests/v1", 503, times=99)
    code, said = shop.release(shop.planned())
    assert code == 8 and "8 of 8 version tags moved" in said
    assert f"hint:  invoke release-resume {shop.runs[-1].id}" in said
    assert fault.struck == 4 and shop.record() is None
    fault.times = 0
    del shop.engine.calls[:]
    assert shop.resume() == (0, "")
    released(shop)
    assert shop.engine.calls == []


def test_older_tags_return_when_the_record_is_not_published(shop: Shop) -> None:
    older = shop.publish_older()
    fault = shop.server.fault("PUT .*/releases/manifests/v1", 503, times=99)
    code, said = shop.release(shop.planned())
    assert (code, fault.struck) == (7, 4) and "no version tag moved" in said
    assert shop.stands("v1") == shop.stands("latest") == older and shop.record() is None


@pytest.mark.fault("P14")
def test_older_tags_return_in_a_registry_that_forgets_untagged_manifests(tmp_path: Path) -> None:
    with RegistryServer(forgets=True) as server:
        shop = Shop(server, tmp_path)
        older = shop.publish_older()
        fault = server.fault("PUT .*/svc-till/manifests/latest", 403)
        code, said = shop.release(shop.planned())
        assert (code, fault.struck) == (7, 1) and "no version tag moved" in said
        assert shop.stands("v1") == shop.stands("latest") == older
        assert shop.resume() == (0, "")
        assert set(server.kept) >= {(f"acme/{name}", older[name]) for name in NAMES}


def test_a_record_of_which_only_the_reply_is_lost_is_published(shop: Shop) -> None:
    shop.publish_older()
    fault = shop.server.fault("PUT .*/releases/manifests/v1", lost=True, times=99)
    assert shop.release(shop.planned()) == (0, "")
    assert fault.struck == 4
    released(shop)


@pytest.mark.fault("P16")
@pytest.mark.parametrize("moved", ["svc-sign/manifests/v1", "svc-till/manifests/latest", "releases/manifests/v1"])
def test_a_release_whose_journal_is_lost_is_finished_by_another_checkout(
    shop: Shop, server: RegistryServer, tmp_path: Path, moved: str
) -> None:
    """The other checkout has the same images, and learns from the registry which tags moved."""
    fault = server.fault(f"PUT .*/{moved}", 503, times=99)
    assert shop.release(shop.planned())[0] == 8 and fault.struck
    other = Shop(server, tmp_path / "other")
    code, said = other.release_anew()
    assert code == 8 and len([line for line in said.splitlines() if line.startswith("  ")]) == 8, said
    fault.times = 0
    assert other.release_anew() == (0, "")
    released(other)
    assert other.engine.calls == []


@pytest.mark.fault("P16")
def test_a_failure_before_the_second_flip_lists_the_moved_tags(
    shop: Shop, server: RegistryServer, tmp_path: Path
) -> None:
    stumbles = server.fault("PUT .*/svc-sign/manifests/v1", 503, times=99)
    assert shop.release(shop.planned())[0] == 8 and stumbles.struck
    denied = server.fault("POST .*/releases/blobs/uploads/", 403, times=99)
    code, said = Shop(server, tmp_path / "other").release_anew()
    assert denied.struck
    assert code == 8 and "releases: upload: denied" in said and "2 of 8 version tags moved" in said


@pytest.mark.fault("P18")
def test_a_release_leaves_no_upload_and_no_other_tag(shop: Shop, server: RegistryServer) -> None:
    """Also where it failed before. Each upload that was begun ends: with its content, mounted, or cancelled."""
    fault = server.fault("PUT .*/svc-till/manifests/v1", 403)
    assert shop.release(shop.planned())[0] == 8 and fault.struck
    assert shop.resume() == (0, "")
    uploads = [request for request in server.requests if "/blobs/uploads/" in request and "?mount=" not in request]
    begun = [request for request in uploads if request.startswith("POST ")]
    ended = [request for request in uploads if request not in begun]
    assert len(begun) == len(ended) > len(NAMES)
    tags = {path: {tag for home, tag in server.tags if home == path} for path, _ in server.tags}
    wanted = {f"{OWNER}/{name}": {content_tag(shop.inputs[name]), "v1", "latest"} for name in NAMES}
    assert tags == {**wanted, f"{OWNER}/releases": {"v1", "_claim"}}


def test_a_release_asks_no_question_twice_but_those_under_its_claim(shop: Shop, server: RegistryServer) -> None:
    """It looks at each tag before its plan and under its claim, and reads each moved tag back."""
    shop.release(shop.planned())
    del server.requests[:]
    assert shop.release(shop.planned("v2")) == (0, "")
    asked = [re.sub(r"/acme/(svc-\w+|base-floor)/|\bin-\w+", "*", request) for request in server.requests]
    kinds = Counter(re.sub(r"sha256.\w+|&from.*", "DIGEST", request) for request in asked)
    assert {request: count for request, count in kinds.items() if "/v2*" in request} == {
        "GET /v2*manifests/*": 4,
        "HEAD /v2*manifests/v2": 4 + 4 + 4,
        "HEAD /v2*manifests/latest": 4 + 4,
        "POST /v2*blobs/uploads/?mount=DIGESTDIGEST": 4,
        "HEAD /v2*blobs/DIGEST": 4,
        "PUT /v2*manifests/v2": 4,
    }


def ended(shop: Shop, line: int, end: type[BaseException]) -> bool:
    """Release, and end the run at the ``line``-th line of its journal after the uploads, which threads write.

    A killed run sends no request from then on. Return False when the journal has fewer lines.
    """
    seen = 0

    def strike(entry: dict[str, object]) -> None:
        nonlocal seen
        seen += "upload" not in entry
        if seen == line and "upload" not in entry:
            if end is Killed:
                shop.server.fault(".", 503, times=10**6)
            raise end

    shop.before_line, planned = strike, shop.planned()
    try:
        shop.release(planned)
    except end:
        pass
    finally:
        shop.server.faults.clear()
        shop.before_line = lambda entry: None
    return seen >= line


def finished(folder: Path, line: int, end: type[BaseException]) -> bool:
    """End a release at a line of its journal, and finish it. Return False when the journal has fewer lines.

    The next run takes the digests of the journal; a third one changes nothing. An interrupt restores the tags.
    """
    with RegistryServer() as server:
        shop = Shop(server, folder)
        shop.signing = Signing.tried(PlainSignatures())
        older = shop.publish_older()
        if not ended(shop, line, end):
            return False
        if end is KeyboardInterrupt and line < LINES:
            assert shop.stands("v1") == shop.stands("latest") == older and shop.record() is None
            assert shop.records.claimed() == ""
        del shop.engine.calls[:]
        assert shop.resume() == (0, "")
        released(shop)
        assert shop.engine.calls == []
        before = dict(server.tags)
        assert shop.resume() == (0, "") and server.tags == before
    return True


@pytest.mark.fault("P46")
def test_a_run_that_ends_at_a_line_of_its_journal_is_finished(tmp_path: Path) -> None:
    """Every line ends a run: those with even numbers by a kill, the others by an interrupt."""
    ways = zip(range(1, LINES + 1), cycle([KeyboardInterrupt, Killed]), strict=False)
    assert all(finished(tmp_path / str(line), line, end) for line, end in ways)
    assert not finished(tmp_path, LINES + 1, Killed)


@pytest.mark.soak
def test_a_run_that_ends_at_a_line_of_its_journal_in_the_other_way_is_finished(tmp_path: Path) -> None:
    ways = zip(range(1, LINES + 1), cycle([Killed, KeyboardInterrupt]), strict=False)
    assert all(finished(tmp_path / str(line), line, end) for line, end in ways)


@pytest.mark.fault("P45")
@pytest.mark.parametrize("at", ["storing", "claiming", "moving", "publishing"])
def test_of_two_machines_one_releases_a_version(shop: Shop, server: RegistryServer, tmp_path: Path, at: str) -> None:
    """Another release, under no common lock, happens at a line of the journal of the first one.

    After the line of its claim, the first stands still for so long that the other takes it for dead.
    """
    shop.publish_older()
    other = Shop(server, tmp_path, "two")
    plans = shop.planned(), other.planned()
    said: list[tuple[int, str]] = []

    def overtake(entry: dict[str, object]) -> None:
        if at in entry and not said:
            said.append((0, "begun"))
            said[0] = other.release(plans[1])

    shop.before_line = overtake
    first = shop.release(plans[0])
    record = shop.record()
    assert record is not None
    shop_won = record.images[0].digest == shop.contents["base-floor"]
    winner, won, lost = (shop, first, said[0]) if shop_won else (other, said[0], first)
    assert shop.stands("v1") == shop.stands("latest") == winner.contents
    assert won == (0, "")
    if at in ("storing", "claiming"):
        assert lost[0] == 11 and server.tags["acme/releases", "v1"] in lost[1]
    else:
        assert lost[0] in (7, 11)


def test_a_run_without_a_release_cannot_be_resumed(shop: Shop) -> None:
    shop.home.mkdir(parents=True)
    with pytest.raises(UsageError, match="release-resume 7f3c: this checkout keeps no such release"):
        read_release(shop.home, "7f3c")
