"""A release of an image for two platforms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from slipway.push.upload import PushRun
from slipway.release.claim import Claims
from slipway.release.planned import Planned, PlannedImage
from slipway.release.publish import Release, release
from slipway.release.record import MovedTag, Source
from slipway.release.records import Records
from slipway.testing.clock import FakeClock
from slipway.testing.fakes import HASTE, RegistryServer
from tests.push.test_indexes import BOTH, Bench, index_of


def test_a_platform_that_the_registry_lost_is_uploaded_before_the_record_has_its_size(tmp_path: Path) -> None:
    with RegistryServer() as server:
        bench = Bench(server, tmp_path)
        (push,) = bench.look()
        index_of(server, bench.content, BOTH)
        lost = "acme/twin", server.tags["acme/twin", "linux-arm64"]
        kept = server.manifests.pop(lost)
        image = PlannedImage(replace(push, content_digest=bench.whole), "", BOTH, (MovedTag("v1"),))
        run = PushRun(bench.engine, bench.registry, bench.run, policy=HASTE)
        claims = Claims(Records(bench.registry, server.host, "acme"), FakeClock().clock)
        published, _ = release(Release(Planned("v1", (image,), Source(), {}), run, claims))
        bench.run.close()
        assert server.manifests[lost] == kept and bench.tag == bench.whole
        members = [
            bench.registry.manifest(push.exactly(server.tags["acme/twin", f"linux-{arch}"])).size
            for arch in ("amd64", "arm64")
        ]
        assert published.record.images[0].size == bench.registry.manifest(push.exactly(bench.whole)).size + sum(members)
