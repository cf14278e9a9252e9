"""Documents beside an image in a registry: found again, the image unchanged, and the faults of registries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from slipway.audit.attach import FORMS, PREDICATE, attach, find_attached, read_attached
from slipway.config.attach import Attachment
from slipway.core.errors import RegistryError
from slipway.core.reference import Reference
from slipway.registry import Registry
from slipway.registry.artifact import Artifact, Descriptor, fallback_tag
from slipway.registry.artifacts import Artifacts
from slipway.testing.fakes import HASTE, RegistryServer

SBOM, PROVENANCE = {"bomFormat": "CycloneDX"}, {"predicateType": "https://slsa.dev/provenance/v1"}
BOTH = {Attachment.SBOM: SBOM, Attachment.PROVENANCE: PROVENANCE}


@pytest.fixture(params=[False, True], ids=["a list under a tag", "a list of the registry"])
def server(request: pytest.FixtureRequest) -> Iterator[RegistryServer]:
    with RegistryServer(referrers=request.param) as server:
        yield server


@pytest.fixture
def image(server: RegistryServer) -> Reference:
    digest = server.add("acme/svc", "v1")
    return replace(server.reference("acme/svc", ""), digest=digest)


@pytest.fixture
def registry(server: RegistryServer) -> Registry:
    return Registry(server.host, policy=HASTE)


def test_both_documents_are_stored_and_found(server: RegistryServer, registry: Registry, image: Reference) -> None:
    assert find_attached(registry, image) == frozenset()
    digests = attach(registry, image, BOTH)
    assert find_attached(registry, image) == {*Attachment}
    assert [json.loads(one) for one in read_attached(registry, image, Attachment.SBOM)] == [SBOM]
    assert [json.loads(one) for one in read_attached(registry, image, Attachment.PROVENANCE)] == [PROVENANCE]
    assert {one.digest for one in Artifacts(registry).referrers(image)} == set(digests.values())
    subjects = [Artifacts(registry).fetch(replace(image, digest=one)).subject for one in digests.values()]
    assert subjects == [Descriptor.of(registry.manifest(image))] * 2


def test_the_manifest_of_the_image_is_unchanged(server: RegistryServer, registry: Registry, image: Reference) -> None:
    before = registry.manifest(image)
    attach(registry, image, BOTH)
    assert server.tags["acme/svc", "v1"] == image.digest == before.digest
    assert registry.manifest(image) == before


def test_equal_documents_are_one_artifact(registry: Registry, image: Reference) -> None:
    assert attach(registry, image, BOTH) == attach(registry, image, dict(reversed(BOTH.items())))
    assert len(Artifacts(registry).referrers(image)) == 2


def test_another_statement_is_not_provenance(registry: Registry, image: Reference) -> None:
    subject = Descriptor.of(registry.manifest(image))
    form = FORMS[Attachment.PROVENANCE]
    result = {PREDICATE: "https://in-toto.io/attestation/test-result/v0.1"}
    Artifacts(registry).store(replace(image, digest=""), Artifact(form.type, form.type, b"{}", subject, result))
    assert find_attached(registry, image) == frozenset()
    assert read_attached(registry, image, Attachment.PROVENANCE) == ()


@pytest.mark.fault("P50")
def test_a_registry_that_lists_nothing_after_the_put_is_an_error() -> None:
    with RegistryServer(referrers=True) as server:
        image = replace(server.reference("acme/svc", ""), digest=server.add("acme/svc", "v1"))
        fault = server.fault("GET .*/referrers/", body=b'{"manifests":[]}')
        with pytest.raises(RegistryError, match="the registry does not list sha256:"):
            attach(Registry(server.host, policy=HASTE), image, {Attachment.SBOM: SBOM})
        assert fault.struck == 1


@pytest.mark.fault("P50")
def test_a_list_that_the_registry_does_not_keep_is_an_error() -> None:
    with RegistryServer() as server:
        image = replace(server.reference("acme/svc", ""), digest=server.add("acme/svc", "v1"))
        fault = server.fault(f"PUT .*/manifests/{fallback_tag(image.digest)}", 201)
        with pytest.raises(RegistryError, match="is not in the list after the PUT"):
            attach(Registry(server.host, policy=HASTE), image, {Attachment.SBOM: SBOM})
        assert fault.struck == 1
