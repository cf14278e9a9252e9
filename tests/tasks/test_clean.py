"""``invoke clean`` from the command line, without an engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from slipway.config.definitions import SETTINGS
from tests.rig import in_process

Invoke = Callable[..., CompletedProcess[str]]


@pytest.fixture
def invoke(repository: Path, tmp_path: Path) -> Invoke:
    (repository / "tasks.py").write_text("from slipway.tasks import namespace\n")
    kept = {name: value for name, value in os.environ.items() if name not in {setting.name for setting in SETTINGS}}
    env = {**kept, "DOCKER_HOST": f"unix://{tmp_path}/nowhere"}
    return lambda *words, **more: in_process.invoke(*words, cwd=repository, env={**env, **more})


def test_without_a_terminal_it_needs_consent_before_it_looks(invoke: Invoke, repository: Path) -> None:
    done = invoke("clean")
    assert done.returncode == 2
    assert "clean: nothing was removed: it needs your consent" in done.stderr
    assert "invoke clean --yes; --dry-run shows everything that would go" in done.stderr
    assert not (repository / ".slipway").exists()


def test_an_age_that_is_none_is_refused(invoke: Invoke) -> None:
    done = invoke("clean", "--dry-run", "--older-than", "a month")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--older-than a month: not an age" in done.stderr and "--older-than 30d" in done.stderr


def test_the_cache_of_another_builder_is_left_to_buildx(invoke: Invoke) -> None:
    done = invoke("clean", "--dry-run", "--cache", BUILDER="team")
    assert done.returncode == 2
    assert "BUILDER=team is not the engine's own builder" in done.stderr
    assert "docker buildx prune --builder team --filter until=2592000s" in done.stderr


def test_without_an_engine_nothing_is_removed(invoke: Invoke, repository: Path) -> None:
    old = repository / ".slipway/runs/old"
    old.mkdir(parents=True)
    (old / "run.json").write_text("{}")
    os.utime(old / "run.json", (1, 1))
    os.utime(old, (1, 1))
    done = invoke("clean", "--yes")
    assert done.returncode == 3 and old.exists(), done.stderr
