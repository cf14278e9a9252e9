"""Root images under images.lock: the digest that counts, the registry that is asked, and the notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.build.bake_targets import bake_steps
from slipway.build.fetch import pull_roots
from slipway.config.settings import load
from slipway.core.errors import PolicyError, RegistryError
from slipway.core.image import LocalImage
from slipway.core.reference import Reference
from slipway.hosts.host import BakeInputs
from slipway.plan.decide import plan_build
from slipway.plan.facts import Snapshot, gather_facts
from slipway.plan.locked import DigestOf, unasked
from slipway.plan.repository import read_repository
from slipway.registry import Registry
from slipway.stack.worktree import Worktree
from slipway.testing.fakes import HASTE, FakeEngine

REPOSITORY = "docker.io/library/python"
TAG = f"{REPOSITORY}:3.12-slim"
ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
HELD = LocalImage("sha256:one", (TAG,), (f"{REPOSITORY}@{ONE}",))


def moved_to(digest: str) -> DigestOf:
    def ask(reference: Reference) -> str:
        assert str(reference) == TAG
        return digest

    return ask


def refused(reference: Reference) -> str:
    raise AssertionError("the registry was asked")


@pytest.fixture
def planned(repository: Path) -> Callable[..., Snapshot]:
    def plan(engine: FakeEngine, lock: str = f'"python:3.12-slim" = "{ONE}"\n', ask: DigestOf = refused) -> Snapshot:
        if lock:
            (repository / "images.lock").write_text(lock)
        settings = load(repository, environment={"REGISTRY": "127.0.0.1:1"})
        found = read_repository(settings, Worktree(repository), {})
        asked = Registry("127.0.0.1:1", policy=HASTE)
        return gather_facts(found, engine, lambda: asked, root_digest=ask)

    return plan


def test_the_engine_that_holds_the_locked_digest_answers_alone(planned: Callable[..., Snapshot]) -> None:
    found = planned(FakeEngine([HELD]))
    assert dict(found.facts.roots) == {"python:3.12-slim": ONE}
    assert found.pinned_roots == (f"{REPOSITORY}@{ONE}",)
    assert not [note for note in found.notes if "images.lock" in note]


def test_a_lock_on_the_present_digest_changes_no_image(planned: Callable[..., Snapshot]) -> None:
    before = planned(FakeEngine([HELD]), "")
    assert dict(planned(FakeEngine([HELD])).facts.digests) == dict(before.facts.digests)


def test_a_root_image_that_moved_ends_the_plan_with_both_digests(planned: Callable[..., Snapshot]) -> None:
    pulled = replace(HELD, digests=(f"{REPOSITORY}@{TWO}",))
    with pytest.raises(PolicyError) as error:
        planned(FakeEngine([pulled]), ask=moved_to(TWO))
    assert ONE in error.value.message and TWO in error.value.message
    assert (error.value.code, error.value.hint) == ("root-moved", "invoke base-outdated --update")


def test_an_engine_behind_the_lock_pulls_the_locked_digest(planned: Callable[..., Snapshot]) -> None:
    engine = FakeEngine([replace(HELD, digests=(f"{REPOSITORY}@{TWO}",))])
    found = planned(engine, ask=moved_to(ONE))
    plan = plan_build(found.stack, ["base-runtime"], found.facts)
    assert pull_roots(found, plan, engine, unasked)
    assert engine.calls == [("pull", f"{REPOSITORY}@{ONE}"), ("tag", f"{REPOSITORY}@{ONE}", TAG)]
    assert dict(planned(engine).facts.roots) == {"python:3.12-slim": ONE}


def test_a_tag_of_an_image_that_no_registry_has_stays(planned: Callable[..., Snapshot]) -> None:
    engine = FakeEngine([replace(HELD, digests=())])
    found = planned(engine, ask=moved_to(ONE))
    plan = plan_build(found.stack, ["base-runtime"], found.facts)
    assert pull_roots(found, plan, engine, unasked)
    assert engine.calls == [("pull", f"{REPOSITORY}@{ONE}")]


def test_with_a_mirror_builds_take_the_image_from_there(planned: Callable[..., Snapshot], repository: Path) -> None:
    (repository / "pyproject.toml").write_text("[tool.slipway]\nmirror-roots = true\n")
    mirrored = f"127.0.0.1:1/slipway/roots/docker.io/library/python@{ONE}"
    engine = FakeEngine([HELD])
    found = planned(engine)
    assert pull_roots(found, plan_build(found.stack, ["base-runtime"], found.facts), engine, unasked)
    assert engine.calls[0] == ("pull", mirrored)
    assert planned(engine).pinned_roots == (mirrored,)


def test_a_silent_registry_leaves_the_question_open(planned: Callable[..., Snapshot]) -> None:
    pulled = replace(HELD, digests=(f"{REPOSITORY}@{TWO}",))
    found = planned(FakeEngine([pulled]), ask=unasked)
    assert any(ONE in note and "the engine's tag is another" in note for note in found.notes)


@pytest.mark.parametrize(("there", "code"), [("", "root-gone"), (ONE, "registry-failed")])
def test_a_digest_that_cannot_be_pulled(planned: Callable[..., Snapshot], there: str, code: str) -> None:
    engine = FakeEngine()
    engine.refused[f"{REPOSITORY}@{ONE}"] = "manifest unknown"
    found = planned(engine)
    with pytest.raises(RegistryError) as error:
        pull_roots(found, plan_build(found.stack, ["base-runtime"], found.facts), engine, lambda reference: there)
    assert error.value.code == code and ONE in error.value.message


@pytest.mark.parametrize(
    ("lock", "noted"), [("", False), ('"other" = "local"\n', True), ('"python:3.12-slim" = "local"\n', False)]
)
def test_a_root_image_without_a_line_is_noted(planned: Callable[..., Snapshot], lock: str, noted: bool) -> None:
    found = planned(FakeEngine([HELD]), lock)
    assert any("python:3.12-slim is not in images.lock" in note for note in found.notes) is noted
    assert found.pinned_roots == ("python:3.12-slim",)


@pytest.mark.parametrize("builder", ["", "BUILDER=team\n"], ids=["the engine's own", "a separate builder"])
def test_buildkit_gets_the_locked_root_image_and_frontend(
    planned: Callable[..., Snapshot], repository: Path, builder: str
) -> None:
    (repository / ".env").write_text(builder)
    dockerfile = repository / "infra/docker/base-runtime.Dockerfile"
    dockerfile.write_text(f"# syntax=docker/dockerfile:1\n{dockerfile.read_text()}")
    without = planned(FakeEngine([HELD]), "").facts.digests
    found = planned(FakeEngine([HELD]), f'"docker/dockerfile:1" = "{TWO}"\n"python:3.12-slim" = "{ONE}"\n')
    plan = plan_build(found.stack, ["base-runtime"], found.facts)
    inputs = BakeInputs(".", str, lambda image: image.dockerfile, {}, {})
    command = bake_steps(plan.steps, found, inputs)
    file = command.stdin.decode()
    assert f'"python:3.12-slim": "docker-image://{REPOSITORY}@{ONE}"' in file
    assert f'"BUILDKIT_SYNTAX": "docker.io/docker/dockerfile@{TWO}"' in file
    assert found.facts.digests["base-runtime"] != without["base-runtime"], "another frontend may build another image"
