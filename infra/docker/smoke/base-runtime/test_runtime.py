"""Test the promises of base-runtime, in it and in every image that builds on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

REQUIREMENTS = Path(__file__).parents[4] / "libs" / "requirements-base.in"
#: Distribution → module, when their names differ.
MODULES = {
    "nats-py": "nats",
    "psycopg2-binary": "psycopg2",
    "python-dateutil": "dateutil",
    "python-multipart": "python_multipart",
    "python-ulid": "ulid",
}
PINNED = {
    name: version
    for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
    for name, equals, version in [line.strip().partition("==")]
    if equals
}


def answer(container: Any, program: str) -> Any:
    """Run ``program`` with the container's Python, and return the JSON of its last line."""
    executed = container.exec("python", "-W", "ignore", "-c", program)
    assert executed.exit_code == 0, executed.output
    return json.loads(executed.output.splitlines()[-1])


@pytest.fixture(scope="module")
def versions(container: Any) -> dict[str, str]:
    """Return the version of each library that imports, or else the error of the import.

    One process imports all libraries.
    """
    modules = {name: MODULES.get(name, name.replace("-", "_")) for name in PINNED}
    program = f"""
import importlib, importlib.metadata, json
found = {{}}
for name, module in {modules!r}.items():
    try:
        importlib.import_module(module)
        found[name] = importlib.metadata.version(name)
    except Exception as error:
        found[name] = repr(error)
print(json.dumps(found))
"""
    return dict(answer(container, program))


@pytest.mark.parametrize("distribution", sorted(PINNED))
def test_a_library_imports_in_its_pinned_version(versions: dict[str, str], distribution: str) -> None:
    assert versions[distribution] == PINNED[distribution]


def test_it_runs_as_appuser_in_app(container: Any) -> None:
    program = "import json, os; print(json.dumps([os.getuid(), os.getgid(), os.getgroups(), os.getcwd()]))"
    uid, gid, groups, folder = answer(container, program)
    assert (uid, gid, folder) == (10001, 10001, "/app")
    assert set(groups) <= {10001}


def test_libraries_come_with_their_bytecode(container: Any) -> None:
    """Test that the image holds bytecode.

    A read-only container would otherwise compile the libraries again at every start.
    """
    program = "import fastapi, json, os; print(json.dumps(os.path.exists(fastapi.__cached__)))"
    assert answer(container, program) is True


def test_nothing_of_the_build_is_left(container: Any) -> None:
    program = """
import json, os, shutil
leftovers = ["/requirements.txt", "/etc/uv/uv.toml", "/etc/pip.conf", "/root/.cache/uv"]
print(json.dumps([path for path in leftovers if os.path.exists(path) and os.path.getsize(path)]
    + [shutil.which("uv")] + os.listdir("/wheelhouse")))
"""
    assert [left for left in answer(container, program) if left] == []
