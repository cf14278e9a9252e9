"""The locks of the services that Poetry locks: fresh, without an address, and with wheels for every platform."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).parents[2]
PROJECTS = sorted(path.parent for path in ROOT.glob("apps/*/pyproject.toml"))


def load(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text("utf-8"))


def content_hash(project: dict[str, Any]) -> str:
    """Return the hash by which Poetry 2 sees that a lock is old: ``poetry.packages.locker.Locker._get_content_hash``.

    The build runs ``poetry check --lock``, so it stops where this differs from Poetry's own.
    """
    names = ("requires-python", "dependencies", "optional-dependencies")
    kept = {name: project["project"][name] for name in names if name in project["project"]}
    others = ("dependencies", "source", "extras", "dev-dependencies", "group")
    own = {name: project["tool"]["poetry"][name] for name in others if name in project["tool"]["poetry"]}
    groups = {"dependency-groups": project["dependency-groups"]} if project.get("dependency-groups") else {}
    relevant = {"project": kept, **groups, "tool": {"poetry": own}}
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()


def test_each_lock_is_that_of_a_builder_with_poetry() -> None:
    copying = {path.parent for path in ROOT.glob("apps/*/Dockerfile") if "base-poetry" in path.read_text("utf-8")}
    assert copying and copying == set(PROJECTS)


@pytest.mark.parametrize("folder", PROJECTS, ids=lambda path: path.name)
class TestALock:
    def test_a_lock_was_made_of_its_pyproject(self, folder: Path) -> None:
        assert load(folder / "poetry.lock")["metadata"]["content-hash"] == content_hash(
            load(folder / "pyproject.toml")
        ), "run: nox -s lock"

    def test_a_lock_has_each_dependency_in_its_range(self, folder: Path) -> None:
        locked = [(canonicalize_name(one["name"]), one["version"]) for one in load(folder / "poetry.lock")["package"]]
        for wanted in map(Requirement, load(folder / "pyproject.toml")["project"]["dependencies"]):
            found = [version for name, version in locked if name == canonicalize_name(wanted.name)]
            assert found and all(map(wanted.specifier.contains, found)), f"{wanted}: run nox -s lock"

    def test_a_lock_has_hashes_and_no_address(self, folder: Path) -> None:
        text = (folder / "poetry.lock").read_text("utf-8")
        assert "://" not in text and "[package.source]" not in text
        files = [file for package in tomllib.loads(text)["package"] for file in package["files"]]
        assert files and all(file["hash"].startswith("sha256:") for file in files)

    @pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
    @pytest.mark.parametrize("python", ["cp311", "cp312", "cp313"])
    def test_no_package_needs_a_compiler(self, folder: Path, machine: str, python: str) -> None:
        """The runtime has none, and neither has the builder: each package has a wheel that fits."""
        version = f"3.{python.removeprefix('cp3')}.0"
        for package in load(folder / "poetry.lock")["package"]:
            if "main" in package["groups"] and SpecifierSet(package["python-versions"]).contains(version):
                names = [file["file"] for file in package["files"] if file["file"].endswith(".whl")]
                assert any(fits(name, python, machine) for name in names), (package["name"], python, machine)


def fits(wheel: str, python: str, machine: str) -> bool:
    """Tell whether a wheel installs on this CPython on Linux with glibc on this machine."""
    return any(
        (tag.interpreter in (python, "py3", "py2.py3") or (tag.abi == "abi3" and tag.interpreter <= python))
        and (tag.platform == "any" or (tag.platform.startswith("manylinux") and tag.platform.endswith(machine)))
        for tag in parse_wheel_filename(wheel)[3]
    )


@pytest.mark.parametrize(
    "edit", [lambda one: one["project"]["dependencies"].append("six"), lambda one: one["dependency-groups"].clear()]
)
def test_a_lock_is_old_once_its_pyproject_changed(edit: Any) -> None:
    project = load(PROJECTS[0] / "pyproject.toml")
    before = content_hash(project)
    edit(project)
    assert content_hash(project) != before
