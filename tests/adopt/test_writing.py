"""How rows get into slipway.toml and pyproject.toml: lines are only inserted."""

from __future__ import annotations

import tomllib

import pytest

from slipway.adopt.table import Row, Table
from slipway.adopt.writing import edited

ROW = Row("images/{name}/Dockerfile", {"images/a/Dockerfile": "a"})
FULL = Row(
    "ui/Dockerfile", {"ui/Dockerfile": "ui"}, {"context": ".", "args": {"A": 'x"y'}}, (("ui/Dockerfile", "Makefile:3"),)
)
ASIDE = Row("docs/Dockerfile", {"docs/Dockerfile": ""}, excluded="explains or tests something")
TABLE = Table((ROW, FULL, ASIDE), ("compose.yaml",))


def after(text: str | None, file: str = "slipway.toml", table: Table = TABLE) -> str:
    edit = edited(file, text, table)
    assert edit and edit.before == text
    return edit.after


def test_a_new_file() -> None:
    assert after(None).splitlines()[1:] == [
        'declarations = ["compose.yaml"]',
        "",
        "[images]",
        '"images/{name}/Dockerfile" = {}',
        '"ui/Dockerfile" = { context = ".", args = { A = "x\\"y" } }  # Makefile:3',
        '"docs/Dockerfile" = false  # explains or tests something',
    ]


def test_rows_follow_those_of_the_table_and_nothing_else_changes() -> None:
    text = '# mine\nmoving-tags = ["a"]\n\n[images]\n"x/Dockerfile" = {}  # why\n\n# about y\n[budgets]\nx = "1 GB"\n'
    assert after(text, table=Table((ROW,))) == text.replace("# why\n", '# why\n"images/{name}/Dockerfile" = {}\n')


def test_pyproject_keeps_its_content() -> None:
    text = '[project]\nname = "x"\n\n[tool.slipway]\nmoving-tags = ["a"]\n\n[tool.ruff]\nline-length = 100\n'
    read = tomllib.loads(after(text, "pyproject.toml"))
    assert read["project"] == {"name": "x"} and read["tool"]["ruff"] == {"line-length": 100}
    assert read["tool"]["slipway"] == {"moving-tags": ["a"], **TABLE.content}


@pytest.mark.parametrize(
    "text", ['declarations = ["bake.hcl"]\n', "declarations = []\n", 'declarations = ["bake.hcl",]\n']
)
def test_declarations_join_those_that_are_there(text: str) -> None:
    known = tomllib.loads(text)["declarations"]
    assert tomllib.loads(after(text))["declarations"] == [*known, "compose.yaml"]


def test_line_ends_stay() -> None:
    text = '[images]\r\n"x/Dockerfile" = {}\r\n'
    assert after(text, table=Table((ROW,))) == text + '"images/{name}/Dockerfile" = {}\r\n'


@pytest.mark.parametrize(
    "text",
    ['images = { "x/Dockerfile" = {} }\n', 'images."x/Dockerfile" = {}\n', "declarations = [\n]\n", "not toml"],
)
def test_an_unusual_form_is_left_to_the_user(text: str) -> None:
    assert edited("slipway.toml", text, TABLE) is None
