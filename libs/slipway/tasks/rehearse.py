"""Rehearse the bases: build them and their children under content tags, test all, and keep the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from slipway.audit.attach import attach_all
from slipway.audit.cyclonedx import encoded
from slipway.build.options import BuildOptions
from slipway.build.result import ImageResult
from slipway.core.errors import BuildError, LockedError, PolicyError, RegistryError, SlipwayError, SmokeError
from slipway.core.threads import map_concurrently
from slipway.core.units import size
from slipway.plan.decide import Action, plan_build
from slipway.plan.facts import Snapshot
from slipway.plan.history import only_modes
from slipway.push.inspect import QUESTIONS, Push, is_built_image, look, refuse_moves
from slipway.push.upload import PushRun, complete, upload
from slipway.release.accepted import Candidate, candidates
from slipway.release.outcome import Outcome
from slipway.release.pins import conflicts
from slipway.release.rehearsal import Trial, failure, scope_of, trials
from slipway.release.tested import LARGEST, Setup, statement
from slipway.runs.run import Run
from slipway.smoke.results import SmokeResult, of_each_image
from slipway.tasks.build import building, get_root_images
from slipway.tasks.plan import mounted
from slipway.tasks.release import locked
from slipway.tasks.release_plan import take_published
from slipway.tasks.selection import only
from slipway.tasks.session import Session
from slipway.tasks.smoke import Tested, run_targets, targets_of
from slipway.tasks.tested import setups_of, system_setups
from slipway.ui import report


def run_rehearse(session: Session, names: Sequence[str], *, break_lock: bool) -> None:
    """Rehearse the bases ``names``, or all bases, with everything that stands on them. No version tag moves.

    Raises BuildError when an image cannot be planned or built, SmokeError or PolicyError when a test failed, and
    RegistryError when the registry does not keep the results.
    """
    known = session.repository.stack.known
    bases = only(names, [image.name for image in known if image.kind == "base"], "base")
    snapshot = session.snapshot()
    scope = scope_of(snapshot.stack, bases)
    images = [image.name for image in scope if image.name in snapshot.stack.by_name]
    _check_writes(session, snapshot, images)
    session.prepare_workspace()
    built = _build(session, snapshot, images)
    snapshot = session.snapshot()
    made = [name for name in images if snapshot.facts.in_engine(name) and name not in built.failed]
    published = look([snapshot.stack[name] for name in made], snapshot.facts, session.host.registry)
    if take_published(session, published):
        snapshot = session.snapshot()
    setups = _setups(session, snapshot, made)
    tested = _test(session, snapshot, made, _testable(session, snapshot, setups, made))
    own = {name: held.id for name in made if (held := snapshot.facts.in_engine(name))}
    results = of_each_image(tested.results, own)
    found = trials(
        scope,
        snapshot.stack,
        {result.image: result for result in built.results},
        results,
        conflicts(snapshot.stack, snapshot.facts, session.worktree.text),
    )
    with session.record() as record:
        error = failure(found, built.error, tested.error)
        try:
            with locked(session, "push", break_expired=break_lock):
                found = _keep(session, snapshot, record, found, setups, results)
        except (RegistryError, SmokeError, LockedError) as lost:
            if error:
                session.note(f"the results are not kept: {lost.message}")
            error = error or lost
        _tell(session, record, found, error)


@dataclass(frozen=True)
class _Built:
    """Hold the results of the images that were not in the engine, and the error of the first failed one."""

    results: Sequence[ImageResult] = ()
    error: BuildError | None = None

    @property
    def failed(self) -> frozenset[str]:
        return frozenset(result.image for result in self.results if not result.ok)


def _check_writes(session: Session, snapshot: Snapshot, images: Sequence[str]) -> None:
    """Raise RegistryError unless this login may write about each image: before the builds, which take long."""
    registry = session.host.registry
    registry.refuse_foreign()
    map_concurrently(registry.check_write, [snapshot.facts.references[name] for name in images], at_once=QUESTIONS)


def _build(session: Session, snapshot: Snapshot, images: Sequence[str]) -> _Built:
    """Build the images under their content tags. A failed image stops only those that stand on it."""
    snapshot = snapshot.under_content_tags()
    plan = plan_build(snapshot.stack, images, snapshot.facts)
    mounted(session, snapshot, plan)
    if get_root_images(session, snapshot, plan):
        snapshot = session.snapshot().under_content_tags()
        plan = plan_build(snapshot.stack, images, snapshot.facts)
    if not session.json:
        session.console.plan(snapshot.stack, plan, session.seconds)
    if set(plan.counts()) <= {Action.REUSE}:
        return _Built()
    with building(session, snapshot, plan, BuildOptions()) as built:
        run, seconds = built.record.id, session.seconds
        said = report.results_json(built.results, run=run, seconds=seconds, command="build", roots=plan.roots)
        built.record.write("run.json", said)
    return _Built(built.results, built.error)


def _setups(session: Session, snapshot: Snapshot, images: Sequence[str]) -> Mapping[str, Setup]:
    """Return the setups of the images, and of all systems."""
    return {**setups_of(session, snapshot, images), **system_setups(session, snapshot)}


def _testable(
    session: Session, snapshot: Snapshot, setups: Mapping[str, Setup], images: Sequence[str]
) -> tuple[str, ...]:
    """Return the systems whose members the engine has. Tests that name no image may start any of them."""
    found = []
    everything = [image.name for image in snapshot.stack.known]
    for name, setup in setups.items():
        if setup.system:
            others = [one for one in sorted(setup.images) or everything if one not in images]
            missing = [one for one in others if one in snapshot.stack.faults or not snapshot.facts.in_engine(one)]
            if missing:
                session.note(f"{name}: not tested, because the engine does not have {missing[0]}")
            else:
                found.append(name)
    return tuple(found)


def _test(session: Session, snapshot: Snapshot, images: Sequence[str], systems: Sequence[str]) -> Tested:
    """Test the images and the systems."""
    if not images:
        return Tested((), None)
    built = snapshot.under_content_tags()
    return run_targets(session, built, targets_of(session, built, [*images, *systems]), answers=False)


def _keep(
    session: Session,
    snapshot: Snapshot,
    record: Run,
    found: Sequence[Trial],
    setups: Mapping[str, Setup],
    results: Mapping[str, SmokeResult],
) -> tuple[Trial, ...]:
    """Push the content of the images that passed, and attach each result. Return the trials with the digests.

    ``setups``: those from before the tests. A result is not kept when its tests changed meanwhile.
    """
    passed = [one.image for one in found if one.outcome is Outcome.REHEARSED]
    systems = [name for name, setup in setups.items() if setup.system and name in results and results[name].ok]
    now = _setups(session, snapshot, passed)
    for name in (*passed, *systems):
        if results[name].notes:
            session.note(f"{name}: a check of policy is noted, so its result is not kept")
        if now.get(name) != setups[name]:
            session.note(f"{name}: its tests changed while they ran, so its result is not kept")
    kept = {name for name in (*passed, *systems) if now.get(name) == setups[name] and not results[name].notes}
    registry = session.host.registry
    pushes = look([snapshot.stack[name] for name in passed if name in kept], snapshot.facts, registry)
    lacking = [push.image for push in pushes if not push.content_digest]
    with session.console.showing(snapshot.stack, lacking) as taker:
        run = PushRun(session.host.engine, registry, record, taker.take)
        uploaded = upload(pushes, run)
        complete(uploaded, run)
    for one in candidates(uploaded, {push.image: setups[push.image] for push in uploaded}):
        _attach(session, record, one, results[one.name])
    together = {name: setups[name] for name in systems if name in kept}
    _keep_systems(session, snapshot, record, uploaded, together, results)
    _note_refusal(session, snapshot, uploaded)
    published = {push.image: push for push in uploaded}
    return tuple(_published(one, published.get(one.image)) for one in found)


def _keep_systems(
    session: Session,
    snapshot: Snapshot,
    record: Run,
    uploaded: Sequence[Push],
    setups: Mapping[str, Setup],
    results: Mapping[str, SmokeResult],
) -> None:
    """Attach the results of systems whose members the registry has, as they were tested.

    A system whose tests name no image has no members, so its tests run in each release.
    """
    registry = session.host.registry
    members = {name for setup in setups.values() for name in setup.images}
    found = [push for push in uploaded if push.image in members]
    others = sorted(members - {push.image for push in found})
    found += look([snapshot.stack[name] for name in others], snapshot.facts, registry) if others else ()
    same = {one.image for one in found if one.content_digest and is_built_image(one, one.content_digest, registry)}
    for name, setup in setups.items():
        if missing := sorted(setup.images.keys() - same):
            session.note(f"{name}: its result is not kept, because the registry does not have the tested {missing[0]}")
    whole = {name: setup for name, setup in setups.items() if setup.images.keys() <= same}
    for one in candidates(found, whole):
        _attach(session, record, one, results[one.name])


def _attach(session: Session, record: Run, tested: Candidate, result: SmokeResult) -> None:
    """Attach the result to the manifest, unless it is too large to be read again.

    Raises SmokeError when a manifest is not that of the tested image.
    """
    registry, home = session.host.registry, tested.home
    for push in tested.members:
        image = push.local_id if tested.setup.system else result.image
        if image != push.local_id or not is_built_image(push, push.content_digest, registry):
            what = f"smoke {push.image}: {push.content} stands for another image than the tested {image[:19]}"
            raise SmokeError(what, hint="did another run build it? invoke base-rehearse")
    said = statement([push.exact for push in tested.members], tested.setup, result.tests)
    if (length := len(encoded(said))) > LARGEST:
        told = f"its test result has {size(length)}, more than {size(LARGEST)}"
        session.note(f"{tested.name}: {told}, so it is not kept")
        return
    record.journal(attach=str(home), kinds=["test-result"])
    digests = attach_all(registry, home, [(tested.setup.form, said)])
    record.journal(attached=str(home), digests=digests)


def _published(trial: Trial, push: Push | None) -> Trial:
    return replace(trial, digest=push.content_digest, stands=push.version_digest) if push else trial


def _note_refusal(session: Session, snapshot: Snapshot, pushes: Sequence[Push]) -> None:
    """Note that a release would be refused, because a version tag stands for other content."""
    moving = session.settings.project.moving_tags
    try:
        refuse_moves(pushes, session.host.registry, moving, False, partial(only_modes, session.home, snapshot.facts))
    except PolicyError as error:
        refused = error.message.splitlines()[1:]
        session.note(session.typed(f"a release is refused for {len(refused)} of these tags; invoke base-bump"))


def _tell(session: Session, record: Run, found: Sequence[Trial], error: SlipwayError | None) -> None:
    content: dict[str, Any] = {
        "run": record.id,
        "command": "base-rehearse",
        "ok": error is None,
        "version": session.settings["BASE_VERSION"],
        "images": [one.as_json() for one in found],
    }
    content |= session.output.readable(error).as_json() if error else {}
    record.write("run.json", content)
    if session.json:
        session.answer(content)
    else:
        session.console.line()
        session.console.table([row for one in found for row in one.rows])
        session.console.line(_counted(found))
    if error:
        raise error


def _counted(found: Sequence[Trial]) -> str:
    counts: Mapping[Outcome, int] = {kind: sum(one.outcome is kind for one in found) for kind in Outcome}
    return " · ".join(f"{count} {kind}" for kind, count in counts.items() if count) + " · no version tag moved"
