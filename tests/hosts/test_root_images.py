"""Root images for a build host: sent when no registry has them, and else left to the engine there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from slipway.config.settings import load
from slipway.core.image import LocalImage
from slipway.engine import Engine
from slipway.hosts.remote.root_images import send_root_images
from slipway.plan.decide import plan_build
from slipway.plan.facts import gather_facts
from slipway.plan.repository import read_repository
from slipway.registry import Registry
from slipway.stack.worktree import Worktree
from slipway.testing.fakes import HASTE, FakeEngine, local_image

ROOT = "docker.io/library/python:3.12-slim"
MADE_HERE = local_image("python", ROOT)
PULLED = replace(MADE_HERE, digests=("docker.io/library/python@sha256:1",))
IN_CONTAINERD = replace(MADE_HERE, digests=(f"docker.io/library/python@{MADE_HERE.id}",))


class Sender(FakeEngine):
    def send(self, image: str, to: Engine) -> None:
        self.calls.append(("send", image))
        assert isinstance(to, FakeEngine)
        to.load(next(held for held in self.held if image in held.tags))


@pytest.mark.parametrize(
    ("image", "registry_has_it", "sent", "pulled"),
    [
        pytest.param(MADE_HERE, False, True, False, id="classic store, made here"),
        pytest.param(PULLED, True, False, False, id="classic store, pulled: the builds there will"),
        pytest.param(IN_CONTAINERD, False, True, True, id="containerd's store, made here"),
        pytest.param(IN_CONTAINERD, True, False, True, id="containerd's store, pulled or made here"),
    ],
)
def test_a_root_image_that_no_registry_has_is_sent(
    repository: Path, image: LocalImage, registry_has_it: bool, sent: bool, pulled: bool
) -> None:
    """containerd's store gives every image a digest, so that a registry is asked there."""
    here, there, said = Sender([image]), FakeEngine(), list[str]()
    if not registry_has_it:
        there.refused[ROOT] = "no such host"
    settings = load(repository, environment={"REGISTRY": "127.0.0.1:1"})
    asked = Registry("127.0.0.1:1", policy=HASTE)
    snapshot = gather_facts(read_repository(settings, Worktree(repository), {}), there, lambda: asked)
    plan = plan_build(snapshot.stack, [image.name for image in snapshot.stack], snapshot.facts)
    assert send_root_images(snapshot, plan, here, there, said.append) is (sent or pulled)
    assert here.calls == ([("send", ROOT)] if sent else [])
    assert there.calls == ([("pull", ROOT)] if pulled else [])
    assert [line.partition(":")[0] for line in said] == (["python"] if sent else [])
    assert bool(there.inspect(ROOT)) is (sent or pulled)
