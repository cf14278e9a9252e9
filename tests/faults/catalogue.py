"""The catalogue of faults: rows told in ``rows/<chapter>.toml``, each shown by tests that carry its mark.

    @pytest.mark.fault("C07")

``python -m tests.faults.catalogue`` prints tests/faults/README.md, which a test holds against the marks.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "tests/faults/README.md"
CHAPTERS = {
    "configuration": "Configuration and files",
    "build": "Build",
    "push": "Push",
    "smoke": "Smoke tests",
    "secrets": "Secrets",
    "supply": "Supply chain",
    "remote": "Build host over SSH",
    "engines": "Engines elsewhere",
    "systems": "Systems of containers",
    "shell": "Invoke, nox and the shell",
}
_MARK = "pytest.mark.fault"
_HEAD = """\
# Faults, what slipway does then, and the tests that show it

Made by `python -m tests.faults.catalogue > tests/faults/README.md`; a test keeps it true. The number before an answer
is the exit code ([all of them](../../README.md)).
"""


@dataclass(frozen=True)
class Row:
    """``fault`` is what goes wrong, ``answer`` what slipway does: exit code, gist of the error line, what is left."""

    id: str
    fault: str
    answer: str


def rows(chapter: str) -> tuple[Row, ...]:
    """The rows of a chapter, by their ids."""
    content = tomllib.loads((Path(__file__).parent / f"rows/{chapter}.toml").read_text("utf-8"))
    return tuple(Row(name, row["fault"], row["answer"]) for name, row in sorted(content.items()))


@cache
def marked() -> Mapping[str, tuple[str, ...]]:
    """Row → the tests that carry its mark, as ``tests/faults/test_push.py::test_name``."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if _MARK in text else ():
            if isinstance(node, ast.FunctionDef):
                for row in _marks(node):
                    found.setdefault(row, []).append(f"{path.relative_to(ROOT)}::{node.name}")
    return {row: tuple(tests) for row, tests in found.items()}


def _marks(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == _MARK:
            yield from (ast.literal_eval(argument) for argument in decorator.args)


def document() -> str:
    """The text of tests/faults/README.md."""
    tests = marked()
    parts = [_HEAD]
    for chapter, title in CHAPTERS.items():
        parts.append(f"## {title}\n")
        for row in rows(chapter):
            shown = "".join(f"\n  - `{test}`" for test in tests.get(row.id, ()))
            parts.append(f"- **{row.id}** {row.fault}: {row.answer}{shown}")
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(document())
