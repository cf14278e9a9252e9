"""Test the images of a release that no rehearsal tested, and describe the smoke tests of images."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from slipway.plan.facts import Snapshot
from slipway.push.inspect import look
from slipway.release.accepted import passed_before
from slipway.release.rehearsal import Outcome
from slipway.release.tested import Setup
from slipway.release.writing import reading
from slipway.smoke.imported import imported
from slipway.smoke.selection import find_system_tests
from slipway.smoke.session import CHECKS, SmokeTarget
from slipway.tasks.session import Session
from slipway.tasks.smoke import run_targets, target_of, targets_of

_PROJECT, _COMPILED = "pyproject.toml", "__pycache__"


def test_images(session: Session) -> Mapping[str, str]:
    """Test all images, and several together. An image that passed the same tests before is not tested again.

    Return the digests of these images. Raises SmokeError or PolicyError when a test failed.
    """
    names = [image.name for image in session.repository.stack.known]
    snapshot = session.snapshot(names)
    pushes = look([snapshot.stack[name] for name in names], snapshot.facts, session.host.registry)
    found = passed_before(pushes, setups_of(session, snapshot, names), session.host.registry)
    for note in found.notes:
        session.note(f"{note}; slipway tests it")
    if not session.json:
        session.console.table([(name, Outcome.REHEARSED, digest[:19]) for name, digest in found.digests.items()])
    systems = [name for name in find_system_tests(session.settings.root) if name not in names]
    left = [*(name for name in names if name not in found.digests), *systems]
    if left:
        tested = run_targets(session, snapshot, targets_of(session, snapshot, left), answers=False)
        if tested.error:
            raise tested.error
    return found.digests


def setups_of(session: Session, snapshot: Snapshot, names: Sequence[str]) -> Mapping[str, Setup]:
    """Return the setup of the smoke tests of each image. Raises UsageError when a table names a missing test."""
    root, native = session.settings.root, session.host.platform
    digest = cache(lambda path: _digest(root / path))
    shipped = {f"slipway/checks/{path.name}": digest(str(path)) for path in sorted(CHECKS.glob("*.py"))}
    read, folders = cache(reading(root)), _import_folders(root)
    found = {}
    for name in names:
        target = target_of(session, snapshot, name)
        files = set(_files(root, target.tests))
        files |= imported(files, folders, read)
        platforms = snapshot.repository.platforms_of(snapshot.stack[name])
        platform = native if native in platforms or not platforms else platforms[0]
        inputs, digests = snapshot.facts.digests[name], {path: digest(path) for path in files}
        found[name] = Setup(inputs, platform, version("slipway"), _rules(target), {**shipped, **digests})
    return found


def _files(root: Path, tests: Sequence[str]) -> Iterator[str]:
    """Yield the files that pytest reads for ``tests``: those in their folders, each conftest.py above, its settings."""
    read = {root / _PROJECT}
    for path in map(root.joinpath, tests):
        read |= {path} if path.is_file() else set(path.rglob("*"))
        read |= {folder / "conftest.py" for folder in path.parents if folder.is_relative_to(root)}
    yield from (path.relative_to(root).as_posix() for path in read if path.is_file() and _COMPILED not in path.parts)


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
