"""Test the images of a release that no rehearsal tested, and describe the smoke tests of images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from slipway.plan.facts import Snapshot
from slipway.push.inspect import look
from slipway.release.accepted import passed_before
from slipway.release.rehearsal import Outcome
from slipway.release.tested import Setup
from slipway.smoke.selection import find_system_tests
from slipway.smoke.session import CHECKS, SmokeTarget
from slipway.tasks.session import Session
from slipway.tasks.smoke import run_targets, target_of, targets_of

_COMPILED = "__pycache__"


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
    digest = cache(lambda path: hashlib.sha256(path.read_bytes()).hexdigest())
    shipped = {f"slipway/checks/{path.name}": digest(path) for path in sorted(CHECKS.glob("*.py"))}
    found = {}
    for name in names:
        target = target_of(session, snapshot, name)
        files = {path.relative_to(root).as_posix(): digest(path) for path in _files(root, target.tests)}
        platforms = snapshot.repository.platforms_of(snapshot.stack[name])
        platform = native if native in platforms or not platforms else platforms[0]
        inputs = snapshot.facts.digests[name]
        found[name] = Setup(inputs, platform, version("slipway"), _rules(target), {**shipped, **files})
    return found


def _files(root: Path, tests: Sequence[str]) -> Iterator[Path]:
    """Yield the files that pytest reads for ``tests``: those in their folders, each conftest.py above, its settings."""
    read = {root / "pyproject.toml"}
    for path in map(root.joinpath, tests):
        read |= {path} if path.is_file() else set(path.rglob("*"))
        read |= {folder / "conftest.py" for folder in path.parents if folder.is_relative_to(root)}
    yield from sorted(path for path in read if path.is_file() and _COMPILED not in path.parts)


def _rules(target: SmokeTarget) -> str:
    """Return what the project says about the container and its checks."""
    said = (target.budget, target.allow, target.known_files, target.tool, target.rules)
    return json.dumps(said)
