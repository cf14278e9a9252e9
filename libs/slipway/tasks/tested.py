"""Test the images and systems of a release that no rehearsal tested, and describe their smoke tests."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from slipway.compose.files import find_systems
from slipway.core.errors import UsageError
from slipway.plan.facts import Snapshot
from slipway.push.inspect import Push
from slipway.release.accepted import Found, passed_before
from slipway.release.outcome import Outcome
from slipway.release.tested import Setup
from slipway.release.writing import reading
from slipway.smoke.imported import imported
from slipway.smoke.selection import find_system_tests
from slipway.smoke.session import CHECKS, SmokeTarget
from slipway.tasks.platforms import tested_platforms
from slipway.tasks.session import Session
from slipway.tasks.smoke import run_targets, target_of, targets_of

#: A word of a test that may be the name of an image.
_WORD = re.compile(r"[\w.-]+")
_PROJECT, _COMPILED = "pyproject.toml", "__pycache__"


def test_images(session: Session, snapshot: Snapshot, pushes: Sequence[Push]) -> Found:
    """Test all images and systems. One that passed the same tests before is not tested again.

    ``pushes``: those of all images. Return those that passed before. Raises SmokeError or PolicyError when a test
    failed.
    """
    names = [push.image for push in pushes]
    systems = system_setups(session, snapshot)
    setups = {**setups_of(session, snapshot, names), **systems}
    found = passed_before(pushes, setups, session.host.registry)
    for note in found.notes:
        session.note(f"{note}; slipway tests it")
    if not session.json:
        rows = [(name, Outcome.REHEARSED, digest[:19]) for name, digest in found.digests.items()]
        rows += [(name, Outcome.REHEARSED, f"{len(members)} images") for name, members in found.systems.items()]
        session.console.table(rows)
    left = [name for name in [*names, *systems] if name not in found.digests and name not in found.systems]
    if left:
        tested = run_targets(session, snapshot, targets_of(session, snapshot, left), answers=False)
        if tested.error:
            raise tested.error
    return found


def setups_of(session: Session, snapshot: Snapshot, names: Sequence[str]) -> Mapping[str, Setup]:
    """Return the setup of the smoke tests of each image. Raises UsageError when a table names a missing test."""
    files = SmokeFiles(session.settings.root)
    return {name: _setup(session, snapshot, files, name) for name in names}


def _setup(session: Session, snapshot: Snapshot, files: SmokeFiles, name: str) -> Setup:
    target, inputs = target_of(session, snapshot, name), snapshot.facts.digests
    platform = ",".join(platform or session.host.platform for platform in tested_platforms(snapshot, name))
    read = files.of(target.tests)
    others = {other: inputs[other] for other in files.words(read) - {name} if other in inputs}
    return Setup(inputs[name], platform, version("slipway"), _rules(target), files.digests(read), others)


def system_setups(session: Session, snapshot: Snapshot) -> Mapping[str, Setup]:
    """Return the setup of the tests of each system: several images together.

    Its members are the images that its tests, or its compose file, name. A member at fault has no input digest.
    """
    root, inputs = session.settings.root, snapshot.facts.digests
    files, known = SmokeFiles(root), {image.name for image in snapshot.stack.known}
    found: dict[str, Setup] = {}
    for name, path in find_system_tests(root).items():
        if name not in inputs:
            read = files.of([path]) | _compose_files(root, name)
            members = {member: inputs.get(member, "") for member in files.words(read) & known}
            tables = map(session.settings.project.smoke_rules, sorted(members))
            rules = json.dumps([str(table) for table in tables])
            said = session.host.platform, version("slipway"), rules, files.digests(read), members
            found[name] = Setup("", *said, system=name)
    return found


def _compose_files(root: Path, name: str) -> frozenset[str]:
    """Return the compose files of the system ``name``; none where two files of the repository have one name."""
    with suppress(UsageError):
        systems = find_systems(root)
        return frozenset(systems[name].files if name in systems else ())
    return frozenset()


class SmokeFiles:
    """Read the files of smoke tests below ``root``, each once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read = cache(reading(root))
        self._digest = cache(lambda path: _digest(root / path))
        self._folders = _import_folders(root)

    def of(self, tests: Sequence[str]) -> frozenset[str]:
        """Return the files that pytest reads for the paths ``tests``.

        They are the files in these folders, each conftest.py above, pytest's settings, and the imported modules.
        """
        read = {self._root / _PROJECT}
        for path in map(self._root.joinpath, tests):
            read |= {path} if path.is_file() else set(path.rglob("*"))
            read |= {folder / "conftest.py" for folder in path.parents if folder.is_relative_to(self._root)}
        there = [path for path in read if path.is_file() and _COMPILED not in path.parts]
        own = frozenset(path.relative_to(self._root).as_posix() for path in there)
        return own | imported(own, self._folders, self._read)

    def digests(self, files: Collection[str]) -> Mapping[str, str]:
        """Return the sha256 of each file, and of slipway's own checks."""
        shipped = {f"slipway/checks/{path.name}": self._digest(str(path)) for path in CHECKS.glob("*.py")}
        return {**shipped, **{path: self._digest(path) for path in files}}

    def words(self, files: Collection[str]) -> frozenset[str]:
        """Return the words of Python files and compose files, which may be names of images."""
        texts = [self._read(path) or "" for path in files if path.endswith((".py", ".yaml", ".yml"))]
        return frozenset(word for text in texts for word in _WORD.findall(text))


def _digest(path: Path) -> str:
    """Return the sha256 of a file; empty for one that cannot be read, with which pytest fails."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _import_folders(root: Path) -> list[str]:
    """Return the folders in which pytest finds modules: the root, and those that the project's settings name."""
    settings: Any = {}
    with suppress(OSError, tomllib.TOMLDecodeError):
        settings = tomllib.loads((root / _PROJECT).read_text("utf-8"))
    for key in ("tool", "pytest", "ini_options", "pythonpath"):
        settings = settings.get(key, {}) if isinstance(settings, dict) else {}
    named = settings.split() if isinstance(settings, str) else settings or ()
    return ["", *map(str, named)]


def _rules(target: SmokeTarget) -> str:
    """Return what the project says about the container and its checks."""
    said = (target.budget, target.allow, target.known_files, target.tool, target.rules)
    return json.dumps(said)
