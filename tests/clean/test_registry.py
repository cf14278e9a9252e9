"""Content that goes from a registry on loopback, and what a registry that answers otherwise keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from slipway.clean.items import Doomed, Stay
from slipway.clean.needed import Named, Needed
from slipway.clean.registry import Contents, look_at_contents
from slipway.core.errors import RegistryError
from slipway.core.image import INPUT_LABEL, TITLE_LABEL, content_tag
from slipway.core.reference import Reference
from slipway.registry import Registry
from slipway.registry.artifact import Artifact, Descriptor, fallback_tag
from slipway.registry.artifacts import Artifacts
from slipway.release.record import MovedTag, Record, ReleasedImage
from slipway.testing.fakes import HASTE, MEDIA_TYPE, digest_of
from tests.clean.deleting import DeletingServer

PATH, CUT = "acme/svc", 1_800_000_000.0
INPUTS = tuple(digest_of(text.encode()) for text in ("now", "old", "older", "released"))
NOW, OLD, OLDER, RELEASED = INPUTS


@pytest.fixture(params=[False, True], ids=["fallback tags", "referrers"])
def server(request: pytest.FixtureRequest) -> Iterator[DeletingServer]:
    server = DeletingServer(referrers=request.param)
    with server:
        yield server


def add(server: DeletingServer, inputs: str, *tags: str, layer: str = "", created: str = "2001-01-01") -> str:
    """Add an image as slipway builds it, with a layer of 1000 bytes; return its digest."""
    labels = {INPUT_LABEL: inputs, TITLE_LABEL: "svc"}
    config = json.dumps({"created": f"{created}T00:00:00.123Z", "config": {"Labels": labels}}).encode()
    described = {
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE,
        "config": {"digest": digest_of(config), "size": len(config)},
        "layers": [{"digest": digest_of(f"layer {layer or inputs}".encode()), "size": 1000}],
    }
    body = json.dumps(described).encode()
    server.blobs[PATH, digest_of(config)] = config
    server.manifests[PATH, digest_of(body)] = body
    for tag in (content_tag(inputs), *tags):
        server.tags[PATH, tag] = digest_of(body)
    return digest_of(body)


def needed(server: DeletingServer, *released: str) -> Needed:
    home = Reference(server.host, PATH, "v1")
    images = tuple(ReleasedImage("svc", home, digest, RELEASED, tags=(MovedTag("v1"),)) for digest in released)
    return Needed({"svc": NOW}, {"svc": home}, Named.by_records([Record("v1", images)]))


def look(server: DeletingServer, *released: str) -> Contents:
    return look_at_contents(Registry(server.host, policy=HASTE), needed(server, *released), CUT)


def names(found: Contents) -> set[str]:
    return {one.item.name.rpartition(":")[2] for one in found.doomed}


def remove(doomed: Doomed) -> str | None:
    return doomed.remove()


def attach(server: DeletingServer, subject: str) -> str:
    """Store an artifact about an image; return its digest."""
    body = server.manifests[PATH, subject]
    artifact = Artifact("application/test", "text/plain", subject.encode(), Descriptor(MEDIA_TYPE, subject, len(body)))
    return Artifacts(Registry(server.host, policy=HASTE)).store(Reference(server.host, PATH), artifact)


def test_old_content_goes_and_everything_else_stays(server: DeletingServer) -> None:
    now, old, older = add(server, NOW), add(server, OLD), add(server, OLDER, "v0", "latest")
    released = add(server, RELEASED)
    young = add(server, digest_of(b"young"), created="2030-01-01")
    found = look(server, released)
    assert names(found) == {content_tag(OLD)} and found.keeps_all == ""
    assert found.stays == {Stay.PLANNED: 1, Stay.TAGGED: 1, Stay.RELEASED: 1, Stay.YOUNG: 1}
    assert [remove(one) for one in found.doomed] == [None]
    assert {digest for _, digest in server.manifests} == {now, older, released, young}
    assert old not in server.tags.values() and len(server.tags) == 6


def test_the_bytes_are_those_that_no_image_that_stays_has(server: DeletingServer) -> None:
    add(server, NOW, layer="shared")
    old, older = add(server, OLD, layer="shared"), add(server, OLDER)
    by_tag = {one.item.name.rpartition(":")[2]: one.item.bytes for one in look(server).doomed}

    def own(digest: str) -> int:
        return len(server.manifests[PATH, digest]) + int(json.loads(server.manifests[PATH, digest])["config"]["size"])

    assert by_tag == {content_tag(OLD): own(old), content_tag(OLDER): own(older) + 1000}


def test_the_artifacts_about_an_image_go_with_it(server: DeletingServer) -> None:
    now, old = add(server, NOW), add(server, OLD)
    kept, gone = attach(server, now), attach(server, old)
    found = look(server)
    assert {one.item.kind for one in found.doomed} == {"content"}
    assert names(found) == {content_tag(OLD)} | (set() if server.referrers else {fallback_tag(old)})
    assert [remove(one) for one in found.doomed] == [None] * len(found.doomed)
    left = {digest for _, digest in server.manifests}
    assert {now, kept} <= left and not {old, gone} & left
    assert ((PATH, fallback_tag(now)) in server.tags) is not server.referrers
    assert (PATH, fallback_tag(old)) not in server.tags


def test_a_list_whose_image_is_gone_goes_next_time(server: DeletingServer) -> None:
    add(server, NOW)
    old = add(server, OLD)
    artifact = attach(server, old)
    fault = server.fault(f"DELETE .*{server.tags.get((PATH, fallback_tag(old)), artifact)}", 503, times=99)
    results = []
    for one in look(server).doomed:
        try:
            results.append(remove(one))
        except RegistryError as error:
            results.append(error.message)
    assert fault.struck and any("DELETE 503" in str(one) for one in results)
    assert (PATH, old) not in server.manifests
    fault.times = 0
    assert [remove(one) for one in look(server).doomed] == [None] * (not server.referrers)
    assert (PATH, fallback_tag(old)) not in server.tags


def test_an_image_that_is_tagged_after_the_look_stays(server: DeletingServer) -> None:
    old = add(server, OLD)
    (doomed,) = look(server).doomed
    server.tags[PATH, "v7"] = old
    assert remove(doomed) == f"it has the tags {content_tag(OLD)}, v7 by now"
    assert server.tags[PATH, "v7"] == old and (PATH, old) in server.manifests


def test_an_image_that_is_gone_already_is_not_a_failure(server: DeletingServer) -> None:
    old = add(server, OLD)
    (doomed,) = look(server).doomed
    del server.manifests[PATH, old], server.tags[PATH, content_tag(OLD)]
    assert remove(doomed) is None


def test_the_reply_to_a_deletion_may_be_lost(server: DeletingServer) -> None:
    old = add(server, OLD)
    (doomed,) = look(server).doomed
    fault = server.fault(f"DELETE .*{old}", lost=True)
    assert remove(doomed) is None and fault.struck
    assert (PATH, old) not in server.manifests


def test_a_member_of_an_index_goes_unless_another_index_has_it(server: DeletingServer) -> None:
    own, shared = add(server, OLD), add(server, OLDER)
    del server.tags[PATH, content_tag(OLD)], server.tags[PATH, content_tag(OLDER)]

    def index(*members: str) -> str:
        listed = [{"mediaType": MEDIA_TYPE, "digest": one, "size": 1} for one in members]
        body = json.dumps({"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": listed}).encode()
        server.manifests[PATH, digest_of(body)] = body
        return digest_of(body)

    both, kept = index(own, shared), index(shared)
    server.tags |= {(PATH, content_tag(OLD)): both, (PATH, "v1"): kept}
    assert [remove(one) for one in look(server).doomed] == [None]
    assert {digest for _, digest in server.manifests} == {shared, kept}


def test_a_registry_that_deletes_nothing_says_so(server: DeletingServer) -> None:
    add(server, OLD)
    server.deletes = False
    found = look(server)
    assert names(found) == {content_tag(OLD)} and found.keeps_all == f"{server.host} deletes nothing (405)"
    fault = server.fault("DELETE", 403)
    assert look(server).keeps_all == f"{server.host} lets this login delete nothing (403)" and fault.struck
    fault = server.fault("DELETE", 500, times=99)
    assert "manifest DELETE 500" in look(server).keeps_all and fault.struck


def test_without_an_answer_about_each_tag_nothing_is_chosen(server: DeletingServer) -> None:
    add(server, OLD)
    for request in ("GET .*/tags/list", "HEAD .*/manifests/in-"):
        fault = server.fault(request, 500, times=99)
        with pytest.raises(RegistryError):
            look(server)
        assert fault.struck
        fault.times = 0
    assert len(look(server).doomed) == 1


def test_images_in_another_registry_are_not_looked_at(server: DeletingServer) -> None:
    add(server, OLD)
    elsewhere = {"svc": Reference("ghcr.io", PATH, "v1")}
    found = look_at_contents(Registry(server.host, policy=HASTE), replace(needed(server), references=elsewhere), CUT)
    assert (found.doomed, found.stays) == ((), {})
