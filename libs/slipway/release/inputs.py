"""Read everything that the builds and the smoke tests of a repository's images read.

slipway asks neither engine nor registry. So it knows root images by images.lock alone, and not their ONBUILD triggers.
It takes the content of other root images as equal at all times.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from slipway.config.project import Project
from slipway.core.image import Image
from slipway.core.rules import Rule
from slipway.plan.inputs import manifests_of, read_files
from slipway.plan.repository import Repository
from slipway.smoke.selection import select_tests
from slipway.stack.digest import Manifest
from slipway.stack.entries import Trees

#: A file that pytest reads in each folder above a test.
_CONFTEST = "conftest.py"
_CACHES = ("__pycache__", ".pytest_cache")


@dataclass(frozen=True)
class Inputs:
    """Hold the images of a repository at one time, parents before children, and their inputs.

    ``digests`` and ``manifests``: those of each image that can be planned. ``trees``: the listings of their folders.
    ``tests``: image → everything that its smoke tests read: path → sha256, and a rule's name → its text. ``faults``:
    the reason for each image that cannot be planned. ``problem``: the reason why
    slipway does not know the inputs.
    """

    images: tuple[Image, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    trees: Trees = field(default_factory=dict)
    tests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def read_inputs(repository: Repository) -> Inputs:
    """Read the inputs of all images. The reason for each image that cannot be planned is in ``faults``."""
    read = read_files(repository, repository.stack)
    repository = repository.without(read.errors)
    stack = repository.stack
    lock = repository.settings.lock
    locked = {root: lock.digest(root) for image in stack for root in image.roots}
    manifests, digests = manifests_of(repository, stack, read, locked)
    tests = {image.name: dict(_tests(image.name, repository)) for image in stack}
    faults = {
        name: f"stands on {fault.base}" if fault.base else fault.error.message for name, fault in stack.faults.items()
    }
    return Inputs(stack.known, digests, manifests, read.trees, tests, faults)


def _tests(name: str, repository: Repository) -> Iterator[tuple[str, str]]:
    """Yield each file and rule that the smoke tests of an image read."""
    project, root, exists = repository.settings.project, repository.settings.root, repository.worktree.exists
    given = {one: rules.tests for one, rules in project.smoke.items() if rules.tests}
    for path in select_tests(name, repository.stack, given, exists):
        for file in _files(root, path):
            yield file, hashlib.sha256((root / file).read_bytes()).hexdigest()
    yield from _rules(name, project)


def _files(root: Path, path: str) -> Iterator[str]:
    """Yield the files below a path of tests, and each conftest.py in the folders above it."""
    above = [str(folder / _CONFTEST) for folder in PurePosixPath(path).parents]
    found = [path] if (root / path).is_file() else []
    for folder, names, files in os.walk(root / path):
        names[:] = [name for name in names if name not in _CACHES]
        found += [Path(folder, name).relative_to(root).as_posix() for name in files]
    yield from (file for file in sorted({*above, *found}) if (root / file).is_file())


def _rules(name: str, project: Project) -> Iterator[tuple[str, str]]:
    """Yield the rules that the smoke tests of an image follow, from the repository's table."""
    rules = project.smoke_rules(name)
    yield f"smoke.{name}", f"{rules} {sorted(rules.env.items())}"
    yield f"budgets.{name}", str(project.budgets.get(name, ""))
    yield "policy", f"{project.policy.mode}"
    yield "allow", " ".join(sorted({one.key for one in project.policy.of(name, *Rule)}))
