"""Results of earlier tests beside images in a registry: the ones that count, and the ones that do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from slipway.audit.attach import PREDICATE, attach_all
from slipway.core.errors import RegistryError
from slipway.push.inspect import Push
from slipway.registry import Registry
from slipway.registry.artifact import Artifact, Descriptor, fallback_tag
from slipway.registry.artifacts import Artifacts
from slipway.release.accepted import Found, passed_before, refuse_other_content
from slipway.release.planned import Planned, PlannedImage
from slipway.release.record import Source
from slipway.release.tested import FORM, PREDICATE_TYPE, Setup, statement
from slipway.testing.fakes import HASTE, RegistryServer

SETUP = Setup(f"sha256:{'1' * 64}", "linux/amd64", "0.1.0", "", {"test_a.py": "a" * 64})
NONE = Found()


@pytest.fixture(params=[False, True], ids=["a list under a tag", "a list of the registry"])
def server(request: pytest.FixtureRequest) -> Iterator[RegistryServer]:
    with RegistryServer(referrers=request.param) as server:
        yield server


@pytest.fixture
def registry(server: RegistryServer) -> Registry:
    return Registry(server.host, policy=HASTE)


@pytest.fixture
def push(server: RegistryServer) -> Push:
    digest = server.add("acme/svc", "in-111111111111")
    content = server.reference("acme/svc", "in-111111111111")
    return Push("svc", content.tagged("v1"), content, SETUP.input_digest, digest)


def passed(push: Push, setup: Setup = SETUP) -> dict[str, Any]:
    return statement([push.exact], setup, ["test_a::test_one"])


def found(push: Push, registry: Registry, setup: Setup = SETUP) -> Found:
    return passed_before([push], {"svc": setup}, registry)


def forge(push: Push, registry: Registry, content: bytes, subject: Descriptor | None = None) -> None:
    """Put any bytes beside the image as a test result."""
    about = subject or Descriptor.of(registry.manifest(push.exact))
    artifact = Artifact(FORM.type, FORM.type, content, about, {PREDICATE: PREDICATE_TYPE})
    Artifacts(registry).store(replace(push.exact, digest=""), artifact)


def test_an_image_with_a_result_need_not_be_tested(push: Push, registry: Registry) -> None:
    assert found(push, registry) == NONE
    attach_all(registry, push.exact, [(FORM, passed(push))])
    assert found(push, registry) == Found({"svc": push.content_digest})


def test_an_image_that_is_not_in_the_registry_has_none(push: Push, registry: Registry) -> None:
    assert found(replace(push, content_digest=""), registry) == NONE


def test_one_of_several_results_counts(push: Push, registry: Registry) -> None:
    for setup in (replace(SETUP, slipway="0.0.9"), SETUP, replace(SETUP, slipway="0.0.8")):
        attach_all(registry, push.exact, [(FORM, passed(push, setup))])
    forge(push, registry, b"garbage")
    assert found(push, registry) == Found({"svc": push.content_digest})


@pytest.mark.fault("P62")
def test_the_result_of_other_tests_is_noted(push: Push, registry: Registry) -> None:
    attach_all(registry, push.exact, [(FORM, passed(push))])
    seen = found(push, registry, replace(SETUP, files={"test_a.py": "b" * 64}))
    assert not seen.digests
    assert "svc: its test result does not count: sha256:" in seen.notes[0] and "test_a.py is another" in seen.notes[0]


@pytest.mark.fault("P61")
def test_garbage_is_noted_and_does_not_count(push: Push, registry: Registry) -> None:
    forge(push, registry, b"\x00 no JSON")
    seen = found(push, registry)
    assert not seen.digests and seen.notes[0].endswith(": it is not JSON")


@pytest.mark.fault("P61")
def test_a_result_that_says_to_be_large_is_not_read(push: Push, registry: Registry, server: RegistryServer) -> None:
    forge(push, registry, b"x" * (2**20 + 1))
    before = len(server.requests)
    seen = found(push, registry)
    assert not seen.digests and "is larger than a test result" in seen.notes[0]
    assert not [one for one in server.requests[before:] if "/blobs/" in one]


@pytest.mark.fault("P61")
@pytest.mark.parametrize("server", [False], indirect=True)
def test_a_list_that_names_the_result_of_another_manifest_does_not_count(
    push: Push, registry: Registry, server: RegistryServer
) -> None:
    other = replace(push, content_digest=server.add("acme/svc", "other", labels={"other": "image"}))
    attach_all(registry, other.exact, [(FORM, passed(push))])
    forged = registry.manifest(push.content.tagged(fallback_tag(other.content_digest)))
    registry.put(push.content.tagged(fallback_tag(push.content_digest)), forged)
    seen = found(push, registry)
    assert not seen.digests and seen.notes[0].endswith(" is about another manifest")


@pytest.mark.fault("P61")
@pytest.mark.parametrize("server", [False], indirect=True)
def test_a_list_that_is_not_one_is_noted(push: Push, registry: Registry, server: RegistryServer) -> None:
    tag = fallback_tag(push.content_digest)
    server.tags["acme/svc", tag] = push.content_digest
    assert found(push, registry).notes == (
        f"svc: its test result does not count: {push.content.tagged(tag)}: not a list of referrers",
    )


@pytest.mark.fault("P61")
def test_a_result_that_the_registry_lost_is_noted(push: Push, registry: Registry, server: RegistryServer) -> None:
    (digest,) = attach_all(registry, push.exact, [(FORM, passed(push))])
    fault = server.fault(f"GET .*/manifests/{digest}", 404, times=9)
    seen = found(push, Registry(server.host, policy=HASTE))
    assert fault.struck and not seen.digests and "svc: its test result does not count: " in seen.notes[0]


@pytest.mark.fault("P64")
def test_a_content_tag_that_moved_since_is_an_error(push: Push) -> None:
    planned = Planned("v1", (PlannedImage(push),), Source(), {})
    refuse_other_content(planned, {"svc": push.content_digest})
    refuse_other_content(planned, {})
    with pytest.raises(RegistryError, match=r"in-1+: stands for another manifest than the tested sha256:3+; no"):
        refuse_other_content(planned, {"svc": f"sha256:{'3' * 64}"})


@pytest.fixture
def pair(server: RegistryServer, push: Push) -> tuple[Push, Push]:
    """Two published images, which are tested together."""
    content = server.reference("acme/web", "in-222222222222")
    digest = server.add("acme/web", content.tag, labels={"title": "web"})
    return push, Push("web", content.tagged("v1"), content, f"sha256:{'2' * 64}", digest)


def setup_of(pair: tuple[Push, Push]) -> Setup:
    images = {push.image: push.input_digest for push in pair}
    return replace(SETUP, input_digest="", images=images, system="duo")


def passed_together(pair: tuple[Push, Push], registry: Registry) -> Setup:
    """Store the result of the system beside its first member."""
    setup = setup_of(pair)
    said = statement([push.exact for push in pair], setup, ["test_duo::test_one"])
    attach_all(registry, pair[0].exact, [(setup.form, said)])
    return setup


def test_a_system_with_a_result_need_not_be_tested(pair: tuple[Push, Push], registry: Registry) -> None:
    assert passed_before(pair, {"duo": setup_of(pair)}, registry) == NONE
    seen = passed_before(pair, {"duo": passed_together(pair, registry)}, registry)
    digests = {push.image: push.content_digest for push in pair}
    assert (seen, seen.tested) == (Found(systems={"duo": digests}), digests)


def test_results_of_an_image_and_of_its_system_stand_beside_each_other(
    pair: tuple[Push, Push], registry: Registry
) -> None:
    setup = passed_together(pair, registry)
    assert passed_before(pair, {"svc": SETUP, "duo": setup}, registry).digests == {}
    attach_all(registry, pair[0].exact, [(FORM, passed(pair[0]))])
    seen = passed_before(pair, {"svc": SETUP, "duo": setup}, registry)
    assert (seen.digests, [*seen.systems], seen.notes) == ({"svc": pair[0].content_digest}, ["duo"], ())


@pytest.mark.fault("P62")
def test_a_member_with_other_content_voids_the_result_of_the_system(
    pair: tuple[Push, Push], registry: Registry, server: RegistryServer
) -> None:
    setup = passed_together(pair, registry)
    other = replace(pair[1], content_digest=server.add("acme/web", "other", labels={"other": "image"}))
    seen = passed_before([pair[0], other], {"duo": setup}, registry)
    assert not seen.systems and "duo: its test result does not count: " in seen.notes[0]
    assert seen.notes[0].endswith(": it is about another manifest")
    rebuilt = replace(setup, images={**setup.images, "web": f"sha256:{'3' * 64}"})
    assert "image web is another than" in passed_before(pair, {"duo": rebuilt}, registry).notes[0]


def test_a_system_whose_member_the_registry_does_not_have_is_tested(
    pair: tuple[Push, Push], registry: Registry
) -> None:
    setup = passed_together(pair, registry)
    assert passed_before([pair[0], replace(pair[1], content_digest="")], {"duo": setup}, registry) == NONE


def test_a_system_without_members_is_tested(pair: tuple[Push, Push], registry: Registry) -> None:
    """Its tests name no image, so slipway would not see a change of one."""
    assert passed_before(pair, {"duo": replace(setup_of(pair), images={})}, registry) == NONE
