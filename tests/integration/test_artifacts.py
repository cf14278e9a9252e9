"""Artifacts in Debian's registry, which has no list of referrers of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slipway.core.reference import Reference
from slipway.registry import Registry
from slipway.registry.artifact import Artifact, Descriptor, fallback_tag
from slipway.registry.artifacts import Artifacts

pytestmark = pytest.mark.integration

RECORD = Artifact("application/vnd.slipway.release.v1+json", "application/vnd.in-toto+json", b'{"images":[]}')


def test_a_record_and_the_referrers_of_its_manifest_are_kept(registry: str) -> None:
    client = Registry(registry)
    artifacts, reference = Artifacts(client), Reference(registry, "t-artifacts/releases", "v1")
    digest = artifacts.store(reference, RECORD)
    assert artifacts.fetch(reference) == artifacts.fetch(replace(reference, tag="", digest=digest)) == RECORD
    subject, repository = Descriptor.of(client.manifest(reference)), replace(reference, tag="")
    about = [replace(RECORD, content=text, subject=subject) for text in (b'{"one":1}', b'{"two":2}')]
    for artifact in (*about, about[0]):
        artifacts.store(repository, artifact)
    found = artifacts.referrers(replace(repository, digest=digest))
    assert {one.digest for one in found} == {artifact.manifest.digest for artifact in about}
    assert fallback_tag(digest) in client.tags(reference)
    assert [artifacts.fetch(replace(repository, digest=one.digest)).subject for one in found] == [subject, subject]
