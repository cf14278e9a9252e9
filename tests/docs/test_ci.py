"""The workflows of docs/ci against the schemas of GitHub and GitLab. An integration test runs their steps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from check_jsonschema import main as check_jsonschema

from slipway.release.matrix import Entry, Matrix
from slipway.release.pipelines import gitlab_lines
from tests.rig.stacks import ROOT

FOLDER = ROOT / "docs/ci"
#: Gitea takes GitHub's workflows.
SCHEMAS = {"github": "vendor.github-workflows", "gitea": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}
ACTIONS = {"actions/checkout", "actions/setup-python"}


def is_valid(system: str, *files: Path) -> bool:
    words = ["--builtin-schema", SCHEMAS[system], *map(str, files)]
    return not check_jsonschema(words, standalone_mode=False)


@pytest.mark.parametrize("system", SCHEMAS)
def test_each_workflow_has_the_form_that_its_system_reads(system: str, tmp_path: Path) -> None:
    files = [path for path in FOLDER.glob("*.yml") if system in path.stem.split(".")]
    if system == "gitlab":
        two = Matrix((Entry("base", "base", True, 0, (), ()), Entry("svc", "service", True, 1, ("base",), ())))
        for number, matrix in enumerate((two, Matrix(()))):
            child = tmp_path / f"{number}.yml"
            own = (FOLDER / "gitlab.yml").read_text("utf-8")
            child.write_text(own + "\n".join(gitlab_lines(matrix, matrix.jobs())), "utf-8")
            files.append(child)
    assert files and is_valid(system, *files)


def test_a_wrong_workflow_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("on: push\njobs: {one: {runs-on: ubuntu-latest, step: []}}\n")
    assert not is_valid("github", wrong)


@pytest.mark.parametrize("system", ["github", "gitea"])
def test_a_workflow_uses_two_actions_by_their_major_version(system: str) -> None:
    jobs = yaml.safe_load((FOLDER / f"{system}.yml").read_text("utf-8"))["jobs"].values()
    used = [step["uses"] for job in jobs for step in job["steps"] if "uses" in step]
    assert {action.partition("@")[0] for action in used} == ACTIONS
    assert all(re.fullmatch(r"v\d+", action.partition("@")[2]) for action in used)
