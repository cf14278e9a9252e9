"""nox's sessions run in nox's own environment, or in one that is made for them."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

NOXFILE = Path(__file__).parents[2] / "noxfile.py"


@pytest.fixture(scope="module")
def noxfile() -> ModuleType:
    """Load it once for all tests: nox refuses to register a session twice."""
    return importlib.import_module("noxfile")


def test_it_imports_nothing_of_slipway() -> None:
    """A nox of another environment reads it, too."""
    imports = [node for node in ast.walk(ast.parse(NOXFILE.read_text("utf-8"))) if isinstance(node, ast.Import)]
    froms = [node for node in ast.walk(ast.parse(NOXFILE.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in imports for alias in node.names} | {str(node.module) for node in froms}
    assert not [name for name in names if name.partition(".")[0] == "slipway"]


def test_an_extra_brings_the_requirements_of_the_project_and_of_its_extras(noxfile: ModuleType) -> None:
    dev, smoke = ({requirement.name for requirement in noxfile.requirements(extra)} for extra in ("dev", "smoke"))
    assert {"invoke", "pytest", "pillow"} < smoke < dev
    assert "mypy" in dev - smoke and "slipway" not in dev


@pytest.mark.fault("T30")
def test_an_environment_is_made_where_something_is_not_installed(noxfile: ModuleType) -> None:
    assert noxfile.is_installed(Requirement("pytest>=9"))
    assert not noxfile.is_installed(Requirement("pytest<2"))
    assert not noxfile.is_installed(Requirement("no-such-distribution"))
    assert noxfile.is_ready("test"), "this environment is older than pyproject.toml: pip install -e '.[dev]'"
    assert noxfile.environment("test") == []


def test_the_session_of_integration_tests_collects_every_one(noxfile: ModuleType) -> None:
    folders = [noxfile.ROOT / folder for folder in noxfile.INTEGRATION]
    texts = {path: path.read_text("utf-8") for path in (noxfile.ROOT / "tests").rglob("test_*.py")}
    marked = [path for path, text in texts.items() if re.search(r"mark[.]integration\b", text)]
    assert marked and not [path for path in marked if not any(folder in path.parents for folder in folders)]
