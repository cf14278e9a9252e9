"""Run the tests of running containers, and show their results."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from slipway.config.policy import Mode
from slipway.core.errors import SmokeError, UsageError
from slipway.core.reference import Reference
from slipway.core.rules import Permission, Rule
from slipway.plan.facts import Snapshot
from slipway.runs.run import records
from slipway.smoke import orphans, selection
from slipway.smoke import session as testing
from slipway.smoke.results import SmokeResult, verdicts
from slipway.tasks.parser import refuse_tasks
from slipway.tasks.selection import only
from slipway.tasks.session import Session
from slipway.ui import columns


def run_smoke(session: Session, names: Sequence[str], image: str) -> None:
    snapshot = session.snapshot()
    existing = selection.find_tests(session.settings.root)
    targets = [_given(session, snapshot, image, existing)] if image else _targets(session, snapshot, names, existing)
    siblings = {name: found.id for name in snapshot.facts.digests if (found := snapshot.facts.in_engine(name))}
    session.prepare_workspace()
    with session.record() as record:
        this = testing.Round(
            session.settings.root,
            record.id,
            record.directory,
            siblings,
            session.settings["SLOWNESS"],
            verdicts(records(session.settings.root / ".slipway")),
            record.redact,
            session.host.container_access(),
            session.host.flag,
            image,
            session.settings.project.policy.mode is Mode.NOTE,
        )
        _tell_moved(session, snapshot, targets)
        tested: list[SmokeResult] = []
        try:
            testing.smoke(targets, this, session.run, lambda result: _tell(session, result, tested))
        finally:
            images = [vars(result) | {"allowed": _allowed(snapshot, result.name)} for result in tested]
            content = {"run": record.id, "command": "smoke", "images": images}
            record.write("run.json", content)
            if session.json:
                session.answer(content)
            _remove_orphans(session)
        if image and (now := session.host.engine.find(image)) != targets[0].image:
            raise SmokeError(
                f"smoke {image}: moved while it was tested, {targets[0].image[:19]} -> {now[:19] or 'nothing'}",
                hint=f"invoke smoke --image {image}",
            )


def _remove_orphans(session: Session) -> None:
    """Remove from the engine everything that killed tests left in it.

    After an interrupt, slipway does not wait long for the tests' own cleanup.
    """
    with contextlib.suppress(OSError):
        orphans.remove_orphans(session.host.engine.client)


def _targets(
    session: Session, snapshot: Snapshot, names: Sequence[str], existing: frozenset[str]
) -> list[testing.SmokeTarget]:
    snapshot.stack.refuse(names or snapshot.stack.faults)
    systems = tuple(name for name in selection.system_tests(existing) if name not in snapshot.facts.digests)
    refuse_tasks({name: f"{selection.SYSTEM_TESTS}{name.replace('-', '_')}.py" for name in systems})
    chosen = only(names, (*snapshot.facts.digests, *systems), "image or test")
    return [
        testing.SmokeTarget(name, tests=selection.select_tests(name, (), existing))
        if name in systems
        else _target(session, snapshot, name, _built(session, snapshot, name), existing)
        for name in chosen
    ]


def _target(
    session: Session, snapshot: Snapshot, name: str, image: str, existing: frozenset[str]
) -> testing.SmokeTarget:
    stack = snapshot.stack
    foundation = stack[name].foundation
    parent = _built(session, snapshot, foundation) if foundation in stack[name].parents else foundation
    project = session.settings.project
    budget = project.budgets.get(name, "")
    tests = selection.select_tests(name, stack.below(name), existing)
    allow = tuple(dict.fromkeys(permission.key for permission in _permissions(snapshot, name)))
    reference, tool = str(snapshot.facts.references[name]), snapshot.repository.assembly.is_tool(name)
    known = snapshot.known_files((*stack.below(name), name))
    return testing.SmokeTarget(name, image, tests, budget, parent if budget else "", allow, known, reference, tool)


def _allowed(snapshot: Snapshot, name: str) -> list[dict[str, object]]:
    """Return the rules that the image may break, each with its reason, for run.json."""
    if name not in snapshot.facts.digests:
        return []
    return [{"rule": one.key, **one.as_json()} for one in dict.fromkeys(_permissions(snapshot, name))]


def _permissions(snapshot: Snapshot, name: str) -> Iterator[Permission]:
    """Yield the rules that the image may break. It contains the files and the history of the images below it."""
    policy = snapshot.settings.project.policy
    yield from policy.of(name, Rule.ROOT)
    for contained in (*snapshot.stack.below(name), name):
        yield from policy.of(contained, Rule.SETUID, Rule.SECRET_NAME, Rule.SECRET_VALUE)


def _given(session: Session, snapshot: Snapshot, image: str, existing: frozenset[str]) -> testing.SmokeTarget:
    """Return the target for ``--image REF``.

    It gets slipway's checks. If the reference has the name of an image of this repository, it also gets that image's
    tests.
    """
    found = session.host.engine.find(image) or session.host.engine.fetch(Reference.parse(image).full)
    name = Reference.read(image).name
    if name in snapshot.facts.digests:
        return _target(session, snapshot, name, found, existing)
    return testing.SmokeTarget(name, found)


def _built(session: Session, snapshot: Snapshot, name: str) -> str:
    found = snapshot.facts.in_engine(name)
    if not found:
        hint = f"invoke build {name}{session.host.flag}"
        raise UsageError(f"smoke {name}: not built with the inputs as they are now", hint=hint)
    return found.id


def _tell_moved(session: Session, snapshot: Snapshot, targets: Sequence[testing.SmokeTarget]) -> None:
    """Note each version tag that names another image than the tested one: someone moved the tag."""
    for target in targets:
        held = snapshot.facts.local.get(target.reference)
        if held and held.id != target.image:
            said = f"tested is {target.image[:19]}, built of the inputs as they are"
            session.console.note(f"note: {target.reference} is {held.id[:19]}; {said}")


def _tell(session: Session, result: SmokeResult, tested: list[SmokeResult]) -> None:
    tested.append(result)
    if session.json:
        return
    said = f"{result.passed} passed" + (f", {result.failed} failed" if result.failed else "")
    session.console.line(f"{result.name:20} {result.verdict}   {said:24} {columns.seconds(result.seconds):>10}")
    for note in result.notes:
        session.console.note(f"note: {result.name}: {note}")
    if result.ok and result.flakes:
        session.console.note(f"note: {result.name}: {result.flakes}")
