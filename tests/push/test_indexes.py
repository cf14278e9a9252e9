"""Images of several platforms: an index without one of them is not the image, and no version tag moves to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.core.errors import RegistryError, UsageError
from slipway.core.image import Image, LocalImage, content_tag
from slipway.core.reference import Reference
from slipway.engine import OnTransfer
from slipway.plan.decide import Facts
from slipway.push.inspect import Push, look, other_builds, refuse_moves
from slipway.push.release import release
from slipway.push.upload import PushRun
from slipway.registry import Registry
from slipway.runs.run import Run
from slipway.testing.fakes import HASTE, FakeEngine, RegistryServer, digest_of, local_image
from tests.registry.indexes import add_index

BOTH = ("linux/amd64", "linux/arm64")
INPUT = digest_of(b"twin")
TWIN = Image("twin", "apps/twin/Dockerfile")


class IndexEngine(FakeEngine):
    """An engine with containerd's store: a push sends the platforms that it has."""

    def push(self, reference: Reference, on_transfer: OnTransfer | None = None) -> str:
        self._do("push", str(reference))
        (held,) = [image for image in self.held if str(reference) in image.tags]
        assert self.registry
        return index_of(self.registry, reference, held.platforms)


def index_of(server: RegistryServer, reference: Reference, platforms: tuple[str, ...]) -> str:
    """Add a manifest for each platform, and an index of several; return the digest under the tag."""
    labels = {"slipway.input": INPUT}
    members = {one: server.add(reference.path, _name(one), labels=labels, salt=one) for one in platforms}
    if len(members) > 1:
        return add_index(server, reference.path, reference.tag, members)
    (digest,) = members.values()
    server.tags[reference.path, reference.tag] = digest
    return digest


def _name(platform: str) -> str:
    """The tag of a member."""
    return platform.replace("/", "-")


class Bench:
    """An image of two platforms in an engine, and a registry."""

    def __init__(self, server: RegistryServer, folder: Path) -> None:
        self.server = server
        self.registry = Registry(server.host, policy=HASTE)
        self.version = server.reference("acme/twin", "v1")
        self.content = self.version.tagged(content_tag(INPUT))
        with RegistryServer() as other:
            self.whole = index_of(other, self.content, BOTH)
        made = local_image("twin", str(self.content), name="twin", source=INPUT)
        self.image = replace(made, id=self.whole, platforms=BOTH)
        self.engine = IndexEngine([self.image], server)
        self.run = Run(folder)

    def facts(self, image: LocalImage | None, *published: str) -> Facts:
        local = {str(self.content): image} if image else {}
        references, digests = {"twin": self.version}, {"twin": INPUT}
        return Facts(references, digests, local=local, platforms={"twin": BOTH}, published=frozenset(published))

    def look(self, *published: str) -> tuple[Push, ...]:
        return look([TWIN], self.facts(self.image, *published), self.registry)

    def release(self, pushes: tuple[Push, ...]) -> list[str]:
        work = PushRun(self.engine, self.registry, self.run, policy=HASTE)
        return [result.status for result in release(pushes, work)]

    @property
    def tag(self) -> str:
        """The digest of the version tag."""
        return self.server.tags.get(("acme/twin", "v1"), "")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with RegistryServer() as server:
        bench = Bench(server, tmp_path)
        yield bench
        bench.run.close()


def test_an_index_is_pushed_and_then_reused(bench: Bench) -> None:
    assert bench.release(bench.look()) == ["pushed"]
    assert bench.tag == bench.whole
    (push,) = bench.look()
    assert (push.action, other_builds([push], bench.registry)) == ("reuse", ())


@pytest.mark.fault("P72")
def test_an_engine_with_some_platforms_pushes_nothing(bench: Bench) -> None:
    partial = replace(bench.image, platforms=BOTH[:1], elsewhere=BOTH[1:])
    assert bench.facts(partial).in_engine("twin") is None
    assert bench.facts(partial, "twin").in_engine("twin") == partial, "the registry has the rest"
    bench.image = partial
    with pytest.raises(UsageError, match="push twin: not built"):
        bench.look("twin")
    assert bench.engine.calls == []


@pytest.mark.fault("P73")
def test_one_platform_under_the_content_tag_is_replaced_by_the_index(bench: Bench) -> None:
    single = index_of(bench.server, bench.content, BOTH[1:])
    (push,) = bench.look()
    assert (push.action, push.replaces, push.absent) == ("push", single, BOTH)
    assert push.reason == f"{bench.content.tag} in the registry has no linux/amd64, linux/arm64"
    bench.server.tags["acme/twin", "v1"] = single
    (push,) = bench.look()
    refuse_moves([push], bench.registry, [], force=False)
    assert bench.release((push,)) == ["pushed"] and bench.tag == bench.whole


@pytest.mark.fault("P73")
def test_a_platform_that_the_registry_lost_is_uploaded_again(bench: Bench) -> None:
    (push,) = bench.look()
    index_of(bench.server, bench.content, BOTH)
    lost = bench.server.tags["acme/twin", _name("linux/arm64")]
    kept = bench.server.manifests.pop(("acme/twin", lost))
    (seen,) = bench.look()
    assert seen.absent == ("linux/arm64",)
    whole = replace(push, content_digest=bench.whole)
    assert bench.release((whole,)) == ["tagged"]
    assert bench.server.manifests["acme/twin", lost] == kept and bench.tag == bench.whole


@pytest.mark.fault("P73")
def test_no_version_tag_moves_to_an_index_that_lost_a_platform(bench: Bench) -> None:
    (push,) = bench.look()
    index_of(bench.server, bench.content, BOTH)
    lost = bench.server.tags["acme/twin", _name("linux/arm64")]
    del bench.server.manifests["acme/twin", lost]
    elsewhere = replace(push, content_digest=bench.whole, whole=False)
    with pytest.raises(RegistryError) as caught:
        bench.release((elsewhere,))
    assert f"push twin: the registry has lost {lost[:19]} of it" in caught.value.message
    assert (bench.engine.calls, bench.tag) == ([], "")


def test_with_the_classic_store_an_image_is_one_platform_of_the_index(bench: Bench) -> None:
    index_of(bench.server, bench.content, BOTH)
    amd = bench.registry.manifest(bench.content.tagged(_name("linux/amd64")))
    bench.image = replace(bench.image, id=amd.config, platforms=())
    (push,) = bench.look("twin")
    assert (push.content_digest, push.whole) == (bench.whole, False)
    assert other_builds([push], bench.registry) == ()
    assert other_builds([replace(push, local_id="sha256:other")], bench.registry) != ()
