"""Artifacts in a registry: their bytes, the lists of referrers, and the faults of registries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from slipway.core.errors import RegistryError
from slipway.registry import Registry
from slipway.registry.artifact import Artifact, Descriptor, fallback_tag, index_of, read_index
from slipway.registry.artifacts import Artifacts
from slipway.testing.fakes import HASTE, RegistryServer, digest_of

SUBJECT = Descriptor("application/vnd.oci.image.manifest.v1+json", f"sha256:{'5' * 64}", 100)
TYPE = "application/vnd.slipway.release.v1+json"
ONE = Artifact(TYPE, "application/vnd.in-toto+json", b'{"one":1}')
ABOUT = replace(ONE, subject=SUBJECT)
OTHER = Artifact("application/vnd.cyclonedx+json", "application/vnd.cyclonedx+json", b"{}", SUBJECT)


@pytest.fixture(params=[False, True], ids=["a list under a tag", "a list of the registry"])
def server(request: pytest.FixtureRequest) -> Iterator[RegistryServer]:
    with RegistryServer(referrers=request.param) as server:
        yield server


@pytest.fixture
def artifacts(server: RegistryServer) -> Artifacts:
    return Artifacts(Registry(server.host, policy=HASTE))


def test_the_manifest_is_that_of_the_specification() -> None:
    empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert json.loads(ABOUT.manifest.body) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": TYPE,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2},
        "layers": [{"mediaType": "application/vnd.in-toto+json", "digest": digest_of(b'{"one":1}'), "size": 9}],
        "subject": {"mediaType": SUBJECT.media_type, "digest": SUBJECT.digest, "size": 100},
    }
    assert ABOUT.manifest == replace(ABOUT).manifest


def test_an_artifact_is_stored_and_fetched(server: RegistryServer, artifacts: Artifacts) -> None:
    reference = server.reference("acme/releases", "v1")
    digest = artifacts.store(reference, ONE)
    assert digest == ONE.manifest.digest == server.tags["acme/releases", "v1"]
    assert artifacts.fetch(reference) == ONE
    assert artifacts.fetch(replace(reference, tag="", digest=digest)) == ONE


def test_all_pages_of_the_referrers_are_read() -> None:
    about = [replace(ABOUT, content=b"%d" % number) for number in range(5)]
    with RegistryServer(referrers=True, page=2) as server:
        artifacts, repository = Artifacts(Registry(server.host, policy=HASTE)), server.reference("acme/svc", "")
        for artifact in about:
            artifacts.store(repository, artifact)
        del server.requests[:]
        found = artifacts.referrers(replace(repository, digest=SUBJECT.digest))
    assert {one.digest for one in found} == {artifact.manifest.digest for artifact in about}
    assert len(server.requests) == 3


def test_the_artifacts_about_a_manifest_are_found(server: RegistryServer, artifacts: Artifacts) -> None:
    repository = server.reference("acme/svc", "")
    subject = replace(repository, digest=SUBJECT.digest)
    assert artifacts.referrers(subject) == ()
    for artifact in (ABOUT, OTHER, ABOUT):
        artifacts.store(repository, artifact)
    assert {one.digest for one in artifacts.referrers(subject)} == {ABOUT.manifest.digest, OTHER.manifest.digest}
    assert [one.digest for one in artifacts.referrers(subject, TYPE)] == [ABOUT.manifest.digest]
    assert (("acme/svc", fallback_tag(SUBJECT.digest)) in server.tags) is not server.referrers


def test_a_reply_that_is_lost_does_no_harm(server: RegistryServer, artifacts: Artifacts) -> None:
    faults = [server.fault("PUT .*/blobs/", lost=True), server.fault("PUT .*/manifests/", lost=True)]
    artifacts.store(server.reference("acme/releases", "v1"), ONE)
    assert [fault.struck for fault in faults] == [1, 1]
    assert artifacts.fetch(server.reference("acme/releases", "v1")) == ONE


def test_a_tag_that_the_registry_does_not_move_is_an_error(server: RegistryServer, artifacts: Artifacts) -> None:
    fault = server.fault("PUT .*/manifests/v1", 201)
    with pytest.raises(RegistryError, match=r"releases:v1: stands for nothing after the PUT, not sha256:"):
        artifacts.store(server.reference("acme/releases", "v1"), ONE)
    assert fault.struck == 1


def test_a_blob_with_other_bytes_is_an_error(server: RegistryServer, artifacts: Artifacts) -> None:
    artifacts.store(server.reference("acme/releases", "v1"), ONE)
    fault = server.fault("GET .*/blobs/", body=b"other")
    with pytest.raises(RegistryError, match="the registry answered other bytes than"):
        artifacts.fetch(server.reference("acme/releases", "v1"))
    assert fault.struck == 1


def test_an_image_is_not_an_artifact(server: RegistryServer, artifacts: Artifacts) -> None:
    server.add("acme/svc", "v1")
    with pytest.raises(RegistryError, match="acme/svc:v1: not an artifact with one layer"):
        artifacts.fetch(server.reference("acme/svc", "v1"))


def test_a_list_that_loses_an_entry_is_an_error() -> None:
    with RegistryServer() as server:
        fault = server.fault(f"PUT .*/manifests/{fallback_tag(SUBJECT.digest)}", 201)
        with pytest.raises(RegistryError, match="is not in the list after the PUT"):
            Artifacts(Registry(server.host, policy=HASTE)).store(server.reference("acme/svc", ""), ABOUT)
        assert fault.struck == 1


def test_an_index_lists_descriptors_in_one_order() -> None:
    descriptors = (ABOUT.descriptor, OTHER.descriptor)
    assert index_of(descriptors) == index_of(descriptors[::-1])
    assert sorted(read_index(index_of(descriptors).body) or (), key=lambda one: one.digest) == sorted(
        descriptors, key=lambda one: one.digest
    )
    assert read_index(b"[]") is None
    assert read_index(b'{"manifests": [{}]}') is None
