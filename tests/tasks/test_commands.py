"""The file of the tasks holds tasks and nothing else, each of them short."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from slipway.tasks import commands, namespace

TREE = ast.parse(Path(commands.__file__).read_text("utf-8"))


def functions() -> list[ast.FunctionDef]:
    return [node for node in TREE.body if isinstance(node, ast.FunctionDef)]


def test_a_task_is_at_most_ten_lines() -> None:
    lengths = {one.name: (one.end_lineno or 0) - one.lineno + 1 for one in functions()}
    assert {name: length for name, length in lengths.items() if length > 10} == {}


def test_every_function_is_a_task_in_the_namespace() -> None:
    assert {one.name.replace("_", "-") for one in functions()} == set(namespace.task_names)


@pytest.mark.parametrize("name", ["base-bump", "base-check", "release-show", "remote-check", "remote-clean"])
def test_a_task_about_a_noun_has_a_dotted_name(name: str) -> None:
    aliases = {str(context.name): context.aliases for context in namespace.to_contexts()}
    assert tuple(aliases[name]) == (name.replace("-", "."),)
    assert not aliases["build-base"] and not aliases["release"]
