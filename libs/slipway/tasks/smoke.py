"""Run the tests of running containers, and show their results."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from slipway.config.policy import Mode
from slipway.core.errors import PolicyError, PrerequisiteError, Problem, SmokeError, UsageError
from slipway.core.platform import Platform, in_order
from slipway.core.reference import Reference
from slipway.core.rules import Permission, Rule
from slipway.plan.facts import Snapshot
from slipway.plan.platforms import unrunnable
from slipway.runs.run import records
from slipway.smoke import orphans, selection
from slipway.smoke import session as testing
from slipway.smoke.health import UNKNOWN
from slipway.smoke.results import SmokeResult, Verdict, verdicts
from slipway.stack.discovery import Assembly
from slipway.tasks.parser import refuse_tasks
from slipway.tasks.platforms import built, image_for, tested_platforms
from slipway.tasks.selection import only
from slipway.tasks.session import Session
from slipway.ui import columns


@dataclass(frozen=True)
class Tested:
    """Hold the results of all targets, and the error when some of them failed."""

    results: Sequence[SmokeResult]
    error: SmokeError | PolicyError | PrerequisiteError | None


def run_smoke(session: Session, names: Sequence[str], image: str) -> None:
    """Test ``names``, or every image and system test. Raises SmokeError or PolicyError when a test failed."""
    snapshot = session.snapshot()
    targets = [_given(session, snapshot, image)] if image else targets_of(session, snapshot, names)
    session.prepare_workspace()
    tested = run_targets(session, snapshot, targets, image)
    if tested.error:
        raise tested.error
    if image and (now := session.host.engine.find(image)) != targets[0].image:
        raise SmokeError(
            f"smoke {image}: moved while it was tested, {targets[0].image[:19]} -> {now[:19] or 'nothing'}",
            hint=f"invoke smoke --image {image}",
        )


def run_targets(
    session: Session,
    snapshot: Snapshot,
    targets: Sequence[testing.SmokeTarget],
    image: str = "",
    *,
    answers: bool = True,
) -> Tested:
    """Test the targets in a run of their own, several concurrently, and show each result in their order.

    ``image``: the reference that the user named. ``answers``: the task's JSON is that of the tests.
    """
    siblings = {name: found.id for name in snapshot.facts.digests if (found := snapshot.facts.in_engine(name))}
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
        failure: SmokeError | PolicyError | PrerequisiteError | None = None
        width = max(len(f"{target.name} {target.platform}".strip()) for target in targets) if targets else 0
        tell = partial(_tell, session, snapshot, tested=tested, width=width)
        unable = session.not_runnable(in_order(target.platform for target in targets if target.platform))
        try:
            for target in targets:
                if target.platform in unable:
                    tell(testing.not_runnable(target))
            runnable = [target for target in targets if target.platform not in unable]
            if runnable or not unable:
                testing.smoke(runnable, this, session.run_together, tell)
            if unable:
                failure = PrerequisiteError.of([*unrunnable(unable)])
        except (SmokeError, PolicyError) as error:
            failure = error
        finally:
            _tell_unknown_health(session, tested)
            images = [vars(result) | {"allowed": _allowed(snapshot, result.name)} for result in tested]
            content = {"run": record.id, "command": "smoke", "images": images}
            record.write("run.json", content)
            if session.json and answers:
                session.answer(content)
            _remove_orphans(session)
        return Tested(tuple(tested), failure)


def _remove_orphans(session: Session) -> None:
    """Remove from the engine everything that killed tests left in it.

    After an interrupt, slipway does not wait long for the tests' own cleanup.
    """
    with contextlib.suppress(OSError):
        orphans.remove_orphans(session.host.engine.client)


def targets_of(session: Session, snapshot: Snapshot, names: Sequence[str]) -> list[testing.SmokeTarget]:
    """Return the targets of ``names``, or of every image and system test. Raises UsageError for what is not built."""
    snapshot.stack.refuse(names or snapshot.stack.faults)
    root, images = session.settings.root, snapshot.facts.digests
    systems = {name: path for name, path in selection.find_system_tests(root).items() if name not in images}
    refuse_tasks(systems)
    for stray in selection.find_strays(root, images):
        session.console.note(f"note: {stray}: no image has this name, so no smoke test runs it")
    chosen = only(names, (*images, *systems), "image or test")
    targets: list[testing.SmokeTarget] = []
    for name in chosen:
        if name in systems:
            targets.append(testing.SmokeTarget(name, tests=(systems[name],)))
        else:
            targets += _of_each_platform(session, snapshot, name)
    return targets


def _of_each_platform(session: Session, snapshot: Snapshot, name: str) -> Iterator[testing.SmokeTarget]:
    native = Platform.read(snapshot.repository.native).architecture
    for platform in tested_platforms(snapshot, name):
        target = _target(session, snapshot, name, image_for(session, snapshot, name, platform), platform)
        emulated = bool(platform) and Platform.read(platform).architecture != native
        # With the classic store, another platform is an image of its own, for which no version tag stands.
        reference = target.reference if target.image == built(session, snapshot, name).id else ""
        yield replace(target, platform=platform, emulated=emulated, reference=reference)


def _target(session: Session, snapshot: Snapshot, name: str, image: str, platform: str = "") -> testing.SmokeTarget:
    target, stack = target_of(session, snapshot, name), snapshot.stack
    parent = stack[name].foundation
    if target.budget and parent in stack[name].parents:
        parent = image_for(session, snapshot, parent, platform)
    return replace(target, image=image, parent=parent if target.budget else "")


def target_of(session: Session, snapshot: Snapshot, name: str) -> testing.SmokeTarget:
    """Return the target of an image, without the ids of the image and of its parent."""
    rules = snapshot.settings.project.smoke_rules(name)
    return testing.SmokeTarget(
        name,
        tests=_tests(session, snapshot, name),
        budget=snapshot.settings.project.budgets.get(name, ""),
        allow=tuple(dict.fromkeys(permission.key for permission in _permissions(snapshot, name))),
        known_files=snapshot.known_files((*snapshot.stack.below(name), name)),
        reference=str(snapshot.facts.references[name]),
        tool=not rules.starts and _starts_nothing(snapshot.repository.assembly, name),
        rules=str(rules),
    )


def _allowed(snapshot: Snapshot, name: str) -> list[dict[str, object]]:
    """Return the rules that the image may break, each with its reason, for run.json."""
    if name not in snapshot.facts.digests:
        return []
    project = snapshot.settings.project
    found = [{"rule": one.key, **one.as_json()} for one in dict.fromkeys(_permissions(snapshot, name))]
    rules = project.smoke_rules(name)
    more = {**({"user-name": rules.named} if rules.named else {}), **rules.allow}
    found += [
        {"rule": check, "reason": why, "allowed_by": project.places[f"smoke.{name}"]} for check, why in more.items()
    ]
    return found


def _permissions(snapshot: Snapshot, name: str) -> Iterator[Permission]:
    """Yield the rules that the image may break. It contains the files and the history of the images below it."""
    policy = snapshot.settings.project.policy
    yield from policy.of(name, Rule.ROOT)
    for contained in (*snapshot.stack.below(name), name):
        yield from policy.of(contained, Rule.SETUID, Rule.SECRET_NAME, Rule.SECRET_VALUE)


def _starts_nothing(assembly: Assembly, name: str) -> bool:
    """Tell whether an image starts nothing of this repository: a tool, or a base that sets no command.

    The command that a base has from its root image is often a shell or an interpreter, which ends immediately.
    """
    stack = assembly.stack
    is_base = any(image.foundation == name for image in stack)
    sets_command = any(assembly.readings[one].entry for one in (*stack.below(name), name))
    return assembly.is_tool(name) or (is_base and not sets_command)


def _tests(session: Session, snapshot: Snapshot, name: str) -> tuple[str, ...]:
    """Return the paths of an image's tests. Raises UsageError when its table, or a base's, names a missing one."""
    root, project = session.settings.root, session.settings.project

    def exists(path: str) -> bool:
        return (root / path).exists()

    given = {one: rules.tests for one, rules in project.smoke.items() if rules.tests}
    chosen = selection.select_tests(name, snapshot.stack, given, exists)
    missing = [
        Problem(project.places[f"smoke.{one}"], f"the tests of {one}: no file or folder {path}")
        for one, path in given.items()
        if path in chosen and not exists(path)
    ]
    if missing:
        raise UsageError.of(missing)
    return chosen


def _given(session: Session, snapshot: Snapshot, image: str) -> testing.SmokeTarget:
    """Return the target for ``--image REF``.

    It gets slipway's checks. If the reference names an image of this repository, it also gets that image's tests.
    """
    found = session.host.engine.find(image) or session.host.engine.fetch(Reference.parse(image).full)
    reference = Reference.read(image)
    if name := selection.image_of(reference, snapshot.stack):
        return _target(session, snapshot, name, found)
    return testing.SmokeTarget(reference.name, found)


def _tell_moved(session: Session, snapshot: Snapshot, targets: Sequence[testing.SmokeTarget]) -> None:
    """Note each version tag that names another image than the tested one: someone moved the tag."""
    for target in targets:
        held = snapshot.facts.local.get(target.reference)
        if held and held.id != target.image:
            said = f"tested is {target.image[:19]}, built of the inputs as they are"
            session.console.note(f"note: {target.reference} is {held.id[:19]}; {said}")


def _tell(session: Session, snapshot: Snapshot, result: SmokeResult, *, tested: list[SmokeResult], width: int) -> None:
    """Show a result: name, verdict, numbers, time, and how the health of the container is known."""
    tested.append(result)
    if session.json:
        return
    said = f"{result.passed} passed" + (f", {result.failed} failed" if result.failed else "")
    said = said if result.verdict is not Verdict.NOT_RUN else result.failures[0]
    line = f"{result.title:{width}}   {result.verdict}   {said:20}   {columns.seconds(result.seconds):>10}   "
    session.console.line(f"{line}{result.health}".rstrip())
    for note in result.notes:
        session.console.note(f"note: {result.name}: {note}")
    for reason in snapshot.settings.project.smoke_rules(result.name).reasons:
        session.console.note(f"note: {result.name}: {reason}")
    if result.ok and result.flakes:
        session.console.note(f"note: {result.name}: {result.flakes}")


def _tell_unknown_health(session: Session, tested: Sequence[SmokeResult]) -> None:
    """Note how to say when the images are ready of which nothing tells the health."""
    unknown = [result.name for result in tested if result.health.startswith(UNKNOWN)]
    if unknown and not session.json:
        line = f'HEALTHCHECK in its Dockerfile, or ready = "…" in {session.settings.project.header("smoke.NAME")}'
        session.console.note(f"note: nothing tells whether {columns.listed(unknown)} works: {line}")
