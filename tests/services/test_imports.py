"""The modules of each shared library import each other in one direction."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

LIBS = Path(__file__).parents[2] / "libs"


@pytest.mark.parametrize("package", ["ocrkit", "ragkit", "servicekit"])
def test_no_modules_import_each_other(package: str) -> None:
    """Imports inside functions count, too."""
    below: dict[str, list[str]] = {}
    for path in sorted((LIBS / package).glob("*.py")):
        found = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]
        modules = {str(node.module) for node in found} | {
            f"{node.module}.{n.name}" for node in found for n in node.names
        }
        below[path.stem] = sorted(name.split(".")[1] for name in modules if name.startswith(f"{package}."))
    TopologicalSorter({name: [one for one in found if one in below] for name, found in below.items()}).prepare()


def test_servicekit_knows_no_other_library() -> None:
    texts = [path.read_text("utf-8") for path in (LIBS / "servicekit").glob("*.py")]
    assert not [text for text in texts if "ragkit" in text or "ocrkit" in text]


@pytest.mark.process
def test_a_service_without_forms_needs_no_parser_of_forms() -> None:
    """svc-konnichiwa installs only the packages that ``servicekit.app`` imports."""
    program = "import sys; sys.modules['python_multipart'] = None; import servicekit.app"
    done = subprocess.run([sys.executable, "-c", program], cwd=LIBS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
