"""The repository's table: in pyproject.toml or in slipway.toml, with the same keys and the same errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.config.project import Project, read_project

PYPROJECT = """[project]
name = "x"

[tool.slipway]
moving-tags = ["edge"]

[tool.slipway.budgets]
base-ml = "1 GB"

[tool.slipway.allow.svc-a]
download = "why"

[tool.slipway.secrets]
gh = { env = "GH" }
"""
WHOLE = PYPROJECT.partition("[tool.slipway]\n")[2].replace("[tool.slipway.", "[")


def read(folder: Path, **files: str) -> tuple[Project, list[tuple[str, str, str]]]:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, "utf-8")
    project, problems = read_project(folder)
    return project, [(problem.where, problem.what, problem.hint) for problem in problems]


def test_slipway_toml_has_the_same_keys_at_its_top_level(tmp_path: Path) -> None:
    one, _ = read(tmp_path, pyproject=PYPROJECT)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    other, problems = read(tmp_path, slipway=WHOLE)
    assert problems == []
    assert [(key, value) for key, value, _ in one.shown] == [(key, value) for key, value, _ in other.shown]
    assert {key: place for key, _, place in other.shown if place != "default"} == {
        "moving-tags": "slipway.toml:1",
        "budgets.base-ml": "slipway.toml:4",
        "allow.svc-a.download": "slipway.toml:7",
        "secrets.gh": "slipway.toml:10",
    }


@pytest.mark.parametrize(
    "line",
    [
        "moving_tags = ['x']",
        "budgets = 3",
        "ssh = 'x'",
        "allow = {svc-a = {zzz = 'x'}}",
        "[secrets]\na = 'x'",
        "zzz = 1",
    ],
)
def test_a_wrong_key_gives_the_same_error_as_in_pyproject(tmp_path: Path, line: str) -> None:
    _, whole = read(tmp_path, slipway=f"{line}\n")
    (tmp_path / "slipway.toml").unlink()
    _, table = read(tmp_path, pyproject=f"[tool.slipway]\n{line.replace('[', '[tool.slipway.', line[0] == '[')}\n")
    assert whole and [told[1:] for told in whole] == [told[1:] for told in table]
    ((where, _, _),) = whole
    assert where == f"slipway.toml:{len(line.splitlines())}"


@pytest.mark.fault("C55")
def test_both_files_together(tmp_path: Path) -> None:
    project, problems = read(tmp_path, pyproject=PYPROJECT, slipway=WHOLE)
    what = "slipway.toml and [tool.slipway] in pyproject.toml both set slipway's keys"
    assert problems == [("", what, "keep one of the two: slipway.toml, or pyproject.toml:4")]
    assert project.moving_tags == Project().moving_tags


def test_the_table_of_pyproject_in_slipway_toml(tmp_path: Path) -> None:
    what = "slipway.toml has its keys at the top level, and no [tool.slipway]"
    assert read(tmp_path, slipway=PYPROJECT)[1] == [
        ("slipway.toml", what, "[budgets] instead of [tool.slipway.budgets]")
    ]


def test_an_empty_slipway_toml_is_a_table(tmp_path: Path) -> None:
    assert read(tmp_path, slipway="") == (Project(file="slipway.toml"), [])
    assert read(tmp_path, pyproject=PYPROJECT)[1]


def test_the_problems_of_both_files_are_reported_together(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()
    _, problems = read(tmp_path, slipway="a = [")
    assert [(where, what.partition(":")[0]) for where, what, _ in problems] == [
        ("slipway.toml", "not TOML"),
        ("pyproject.toml", "cannot be read"),
    ]


@pytest.mark.parametrize(
    ("files", "whole", "table"),
    [
        ({"pyproject": PYPROJECT}, "[tool.slipway]", "[tool.slipway.secrets]"),
        ({"pyproject": "[project]\n"}, "[tool.slipway]", "[tool.slipway.secrets]"),
        ({"slipway": WHOLE}, "slipway.toml", "slipway.toml [secrets]"),
        ({}, "slipway.toml", "slipway.toml [secrets]"),
    ],
    ids=["table", "pyproject", "whole", "none"],
)
def test_a_hint_names_the_place_of_a_key(tmp_path: Path, files: dict[str, str], whole: str, table: str) -> None:
    project, _ = read(tmp_path, **files)
    assert (project.header(), project.header("secrets")) == (whole, table)
