"""Names in ``.env`` that slipway does not use: those of other programs are notes, misspelled ones are errors."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from slipway.config.settings import load
from slipway.plan.declared import Bake, read_declarations
from slipway.plan.repository import Repository, read_repository
from slipway.stack.worktree import Worktree
from slipway.tasks import env_file
from tests.plan.test_declared import FakeBake

STACKS = Path(__file__).parents[1] / "stacks"


def market(folder: Path, line: str) -> Repository:
    """Return the repository whose `.env` has one more line."""
    root = Path(shutil.copytree(STACKS / "market", folder / "market"))
    with (root / ".env").open("a") as file:
        file.write(f"{line}\n")
    settings, worktree = load(root, environment={}), Worktree(root)
    project = settings.project
    declared = read_declarations(project.declarations, "slipway.toml:1", worktree, {}, Bake(FakeBake(), ()))
    return read_repository(settings, worktree, {}, declared=declared)


@pytest.mark.parametrize("line", ["FRONTEND_HOST=x", "FIREPIT_IMAGE=x", "ENV_PLATFORM=x"])
def test_a_name_of_another_program_is_a_note(tmp_path: Path, line: str) -> None:
    repository = market(tmp_path, line)
    assert env_file.judge(repository).misspelled == ()
    assert f".env: no image uses {line[:-2]}" in env_file.judge(repository).remarks


def test_many_names_of_other_programs_are_one_note(tmp_path: Path) -> None:
    repository = market(tmp_path, "ONE=1\nTWO=2\nTHREE=3\nFOUR=4\nFIVE=5")
    assert ".env: no image uses ONE, TWO, THREE and 2 more" in env_file.judge(repository).remarks


@pytest.mark.parametrize("line", ["REGISTY=x", "OWNERS=x", "BASE_VERSON=x", "CATCHS=x"])
def test_a_misspelled_setting_or_arg_is_a_problem(tmp_path: Path, line: str) -> None:
    (problem,) = env_file.judge(market(tmp_path, line)).misspelled
    assert problem.what == f"{line[:-2]} is used by no image"


def test_an_odd_line_for_an_arg_that_compose_gives_is_not_an_error(tmp_path: Path) -> None:
    repository = market(tmp_path, 'DAY="${TAG} day"')
    assert repository.stack["fish"].args == {"DAY": "latest day", "CATCH": "herring of latest day"}
