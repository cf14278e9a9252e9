"""Plan the sample repositories in tests/stacks that slipway adopts: those without a tasks.py.

python -m tests.plan.adopted writes the golden plans again, a file for each in tests/plans/stacks, and the JSON that
bake prints about each bake file. Read their diff before you commit it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from slipway.config.settings import load
from slipway.core.command import Command, Result
from slipway.core.errors import Problem
from slipway.core.image import Image
from slipway.plan import findings, policy
from slipway.plan.declared import Bake, RunCommand, read_declarations
from slipway.plan.inputs import read_files
from slipway.plan.repository import Repository, read_repository
from slipway.stack.worktree import Worktree

TESTS = Path(__file__).parents[1]
STACKS, PLANS = TESTS / "stacks", TESTS / "plans/stacks"
ADOPTED = sorted(path.name for path in STACKS.iterdir() if path.is_dir() and not (path / "tasks.py").exists())
#: All samples are of one owner, and stand on one root image.
OWNER, ROOT_IMAGE = "acme", "alpine:3.20"
SETTINGS = {"REGISTRY": "reg.example", "OWNER": OWNER, "BASE_VERSION": "v1"}
_FACTS = ("dockerfile", "context", "target", "kind", "parents", "roots", "foundation", "args", "contexts", "platforms")


def read(root: Path, settings: Mapping[str, str] = SETTINGS) -> Repository:
    """Read a repository as ``slipway plan`` does, for a build on linux/amd64."""
    known, worktree = load(root, environment=settings), Worktree(root)
    declarations, place = known.project.declarations, known.project.places.get("declarations", "")
    declared = read_declarations(declarations, place, worktree, {}, Bake(_recorded(root.name), ()))
    return read_repository(known, worktree, {}, "linux/amd64", declared=declared)


def _recorded(name: str) -> RunCommand:
    """Answer as bake does for the sample ``name``; an integration test compares the record with bake."""

    def run(command: Command, *, timeout: float | None = None) -> Result:
        return Result(0, _record(name).read_text("utf-8"))

    return run


def _record(name: str) -> Path:
    return TESTS / f"data/bake-{name}.json"


def planned(root: Path) -> dict[str, Any]:
    """Return the plan of a repository: its images, the faults of others, and the notes for the user."""
    repository = read(root)
    found = read_files(repository, repository.stack)
    stack, project = repository.without(found.errors).stack, repository.settings.project
    told = (*findings.of_dockerfiles(repository.assembly, project, repository.settings.lock), *found.findings)
    return {
        "images": {image.name: dict(_facts(image, tuple(found.files[image.name]))) for image in stack},
        "faults": {name: [*map(_told, fault.error.problems)] for name, fault in stack.faults.items()},
        "notes": policy.notes(repository.assembly, project, found.leaving, told),
    }


def _facts(image: Image, files: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield the facts of one image without those that are empty. ``files``: the paths that it reads."""
    for name in _FACTS:
        if value := getattr(image, name):
            yield name, dict(value) if isinstance(value, Mapping) else value
    yield "reference", str(image.reference)
    yield "files", sorted(files)


def _told(problem: Problem) -> str:
    return f"{problem}; {problem.hint}" if problem.hint else str(problem)


def as_text(plan: Mapping[str, Any]) -> str:
    return json.dumps(plan, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    command = ["docker", "buildx", "bake", "--print", "--progress", "quiet"]
    for file in STACKS.glob("*/docker-bake.hcl"):
        printed = subprocess.run(command, cwd=file.parent, capture_output=True, check=True).stdout
        _record(file.parent.name).write_bytes(printed)
    for name in ADOPTED:
        (PLANS / f"{name}.json").write_text(as_text(planned(STACKS / name)), "utf-8")


if __name__ == "__main__":
    main()
