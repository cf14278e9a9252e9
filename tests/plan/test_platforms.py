"""Builds that would fail for their platforms are refused before any work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.config.settings import load
from slipway.core.errors import PrerequisiteError, SlipwayError, UsageError
from slipway.core.image import LocalImage
from slipway.plan.decide import plan_build
from slipway.plan.facts import gather_facts
from slipway.plan.platforms import refuse_platforms
from slipway.plan.repository import read_repository
from slipway.registry import Registry
from slipway.stack.worktree import Worktree
from slipway.testing.fakes import HASTE, FakeEngine

PYTHON = LocalImage("sha256:python", ("docker.io/library/python:3.12-slim",))
BOTH = {"PLATFORMS": "linux/amd64,linux/arm64"}
NAMES = ["base-runtime", "base-ml", "svc-ocr"]


class Machine:
    """A machine that builds: its engine, and the platforms that it does not run. ``asked``: those that it tried."""

    def __init__(self, root: Path, *, indexes: bool = True, python: LocalImage = PYTHON, unable: Sequence[str] = ()):
        self.root = root
        self.engine = FakeEngine([python])
        self.engine.containerd = indexes
        self.unable = unable
        self.asked: list[str] = []

    def build(self, **settings: str) -> None:
        given = load(self.root, environment={"REGISTRY": "127.0.0.1:1", **settings})
        repository = read_repository(given, Worktree(self.root), {}, "linux/amd64")
        registry = Registry("127.0.0.1:1", policy=HASTE)
        snapshot = gather_facts(repository, self.engine, lambda: registry)
        refuse_platforms(snapshot, plan_build(snapshot.stack, NAMES, snapshot.facts), self.not_runnable)

    def not_runnable(self, platforms: Sequence[str]) -> Sequence[str]:
        self.asked += platforms
        return [platform for platform in platforms if platform in self.unable]

    def refused(self, kind: type[SlipwayError], **settings: str) -> list[tuple[str, str]]:
        with pytest.raises(kind) as caught:
            self.build(**settings)
        return [(problem.where, problem.code) for problem in caught.value.problems]


def test_one_platform_of_the_machine_needs_nothing(repository: Path) -> None:
    machine = Machine(repository, indexes=False)
    machine.build()
    assert machine.asked == []


@pytest.mark.fault("P70")
def test_the_classic_store_holds_no_index(repository: Path) -> None:
    machine = Machine(repository, indexes=False)
    assert machine.refused(PrerequisiteError, **BOTH) == [("base-runtime", "image-store-classic")]
    assert machine.asked == [], "no program is tried when the build is refused"
    machine.build(**BOTH, BUILDER="team")
    machine.build(PLATFORMS="linux/arm64")


@pytest.mark.fault("P71")
def test_programs_of_a_platform_are_tried_where_a_build_runs_some(repository: Path) -> None:
    machine = Machine(repository, unable=["linux/arm64"])
    assert machine.refused(PrerequisiteError, **BOTH) == [("linux/arm64", "platform-not-runnable")]
    for dockerfile in [*repository.glob("infra/docker/*.Dockerfile"), repository / "apps/svc_ocr/Dockerfile"]:
        lines = dockerfile.read_text().splitlines()
        dockerfile.write_text("".join(f"{line}\n" for line in lines if not line.startswith("RUN")))
    machine.build(**BOTH)


def test_a_stage_on_the_builder_s_platform_needs_no_emulation(repository: Path) -> None:
    for dockerfile in repository.glob("infra/docker/*.Dockerfile"):
        dockerfile.write_text("FROM scratch\n")
    image = "FROM --platform=$BUILDPLATFORM python:3.12-slim AS made\nFROM made AS more\nRUN true\n"
    (repository / "apps/svc_ocr/Dockerfile").write_text(f"{image}FROM scratch\nCOPY --from=more /etc /etc\n")
    machine = Machine(repository, unable=["linux/arm64"])
    machine.build(**BOTH)
    assert machine.asked == []


@pytest.mark.fault("P74")
def test_a_root_image_for_fewer_platforms_is_named(repository: Path) -> None:
    one = replace(PYTHON, platforms=("linux/amd64",))
    machine = Machine(repository, python=one)
    dockerfile = "infra/docker/base-runtime.Dockerfile"
    assert machine.refused(PrerequisiteError, **BOTH) == [(dockerfile, "root-platform-missing")]
    machine.build(**BOTH, BUILDER="team")
    Machine(repository, python=replace(one, elsewhere=("linux/arm64",))).build(**BOTH)
    Machine(repository, python=one).build()


@pytest.mark.fault("P74")
def test_a_base_for_fewer_platforms_is_named(repository: Path) -> None:
    table = '"infra/docker/base-runtime.Dockerfile" = { platforms = ["linux/amd64"] }'
    project = repository / "pyproject.toml"
    before = project.read_text() if project.exists() else ""
    project.write_text(f"{before}\n[tool.slipway.images]\n{table}\n")
    machine = Machine(repository)
    assert machine.refused(UsageError, **BOTH) == [("infra/docker/base-ml.Dockerfile", "base-platform-missing")]
