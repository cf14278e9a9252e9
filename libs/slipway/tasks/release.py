"""Release a version: build, test, push the content, move all tags, publish the record; or finish such a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version as installed

from slipway.build.options import BuildOptions
from slipway.core.errors import Problem, UsageError
from slipway.core.image import Image
from slipway.core.reference import check_tag
from slipway.core.threads import map_concurrently
from slipway.core.writing import written
from slipway.plan.decide import Action, Plan, plan_build
from slipway.plan.facts import Snapshot
from slipway.plan.history import only_modes
from slipway.push.inspect import QUESTIONS, Push, look, refuse_moves
from slipway.push.tags import TagMove
from slipway.push.upload import PushRun
from slipway.release.comparison import compare, refuse_differences
from slipway.release.planned import Planned, PlannedImage
from slipway.release.publish import Release, as_it_stands, release
from slipway.release.record import MovedTag
from slipway.release.records import Published, Records, written_first
from slipway.release.resume import read_release
from slipway.tasks.build import building, get_root_images
from slipway.tasks.git import git_of, source_of
from slipway.tasks.options import ReleaseOptions, ResumeOptions
from slipway.tasks.plan import mounted
from slipway.tasks.process import Terminated
from slipway.tasks.session import Session
from slipway.tasks.smoke import run_smoke


def records_of(session: Session) -> Records:
    """Return the records of OWNER in the registry. Raises RefusedError when the server is not a registry."""
    registry = session.host.registry
    registry.refuse_foreign()
    return Records(registry, session.settings.registry, session.settings.owner)


@contextmanager
def locked(session: Session, task: str, *, break_expired: bool = False) -> Iterator[None]:
    """Hold the lock of ``task`` for the images of OWNER in the registry. Raises LockedError."""
    name = f"{task}-{session.settings.registry}-{session.settings.owner}".replace("/", "-").replace(":", "-")
    with session.host.release_lock(name, break_expired=break_expired):
        yield


def run_release(session: Session, options: ReleaseOptions, *, dry_run: bool) -> None:
    """Release all images under VERSION, or only show the release.

    Raises the errors of build, smoke tests and push, LockedError when the version has a record of other content, and
    RegistryError when its tags differ from the record.
    """
    version = session.settings.version("service")
    also = _moving(session, options.also)
    _refuse_name_of_records(session)
    if dry_run:
        _show(session, version, also)
        return
    session.prepare_workspace()
    with locked(session, "release", break_expired=options.break_lock):
        records = records_of(session)
        snapshot, plan = _planned_build(session)
        if first := records.find(version):
            _released_before(session, first, snapshot, also, records)
            return
        _build(session, snapshot, plan)
        if not options.no_smoke:
            run_smoke(session, (), "", answers=False)
        with locked(session, "push", break_expired=options.break_lock):
            _publish(session, _planned(session, version, also, records), records)


def run_resume(session: Session, options: ResumeOptions) -> None:
    """Finish the release of an earlier run, with its digests; nothing is built.

    Raises UsageError when there is no such run, and the errors of a release.
    """
    earlier = read_release(session.home, options.run)
    session.prepare_workspace()
    with locked(session, "release", break_expired=options.break_lock):
        records = records_of(session)
        if str(records.repository) != earlier.repository:
            what = f"release-resume {options.run}: releases to {earlier.repository}, not to {records.repository}"
            raise UsageError(what, hint="set REGISTRY and OWNER as in that run")
        with locked(session, "push", break_expired=options.break_lock):
            planned = earlier.planned if earlier.began else as_it_stands(earlier.planned, session.host.registry)
            _publish(session, planned, records, began=earlier.began)


def _moving(session: Session, also: Sequence[str]) -> tuple[str, ...]:
    """Return the tags of ``--also``. Raises UsageError for one that the project does not declare as moving."""
    project = session.settings.project
    problems = [
        Problem("", f"--also {tag}: is not among moving-tags", f"add it to moving-tags in {project.header()}")
        for tag in also
        if check_tag(tag, "--also") not in project.moving_tags
    ]
    if problems:
        raise UsageError.of(problems)
    return tuple(dict.fromkeys(also))


def _refuse_name_of_records(session: Session) -> None:
    """Raise UsageError for an image in the repository of the records."""
    records = Records(session.host.registry, session.settings.registry, session.settings.owner)
    for image in session.repository.stack.known:
        if image.reference.repository == records.repository.repository:
            raise UsageError(
                f"{image.dockerfile}: {records.repository} holds the records of releases", hint="rename it"
            )


def _planned_build(session: Session) -> tuple[Snapshot, Plan]:
    """Return the facts and the plan for all images, once the engine has the root images that builds need."""
    names = [image.name for image in session.repository.stack.known]
    snapshot = session.snapshot(names)
    plan = plan_build(snapshot.stack, names, snapshot.facts)
    mounted(session, snapshot, plan)
    if get_root_images(session, snapshot, plan):
        snapshot = session.snapshot(names)
        plan = plan_build(snapshot.stack, names, snapshot.facts)
    return snapshot, plan


def _build(session: Session, snapshot: Snapshot, plan: Plan) -> None:
    """Build what the plan says. Raises BuildError."""
    if not session.json:
        session.console.plan(snapshot.stack, plan, session.seconds)
    if set(plan.counts()) <= {Action.REUSE}:
        return
    with building(session, snapshot, plan, BuildOptions()) as built:
        if built.error:
            if not session.json:
                session.console.results(built.results, session.seconds)
            raise built.error


def _planned(session: Session, version: str, also: Sequence[str], records: Records) -> Planned:
    """Return the release of the images as they are now.

    Raises PolicyError when a version tag stands for other content, and RegistryError.
    """
    registry, moving = session.host.registry, session.settings.project.moving_tags
    snapshot = session.snapshot([image.name for image in session.repository.stack.known])
    pushes = look(tuple(snapshot.stack), snapshot.facts, registry)
    refuse_moves(pushes, registry, moving, False, partial(only_modes, session.home, snapshot.facts))
    more = [push.reference.tagged(_moving_tag(push, version, tag)) for push in pushes for tag in also]
    stands = dict(zip(more, map_concurrently(registry.digest, more, at_once=QUESTIONS), strict=True))
    images = []
    for push in pushes:
        tags = [MovedTag(push.reference.tag, push.version_digest, push.reference.tag in moving)]
        for tag in also:
            name = _moving_tag(push, version, tag)
            tags.append(MovedTag(name, stands[push.reference.tagged(name)], moves=True))
        image = snapshot.stack[push.image]
        platforms = snapshot.repository.platforms_of(image)
        images.append(PlannedImage(push, _base(image, snapshot), platforms, tuple(tags)))
    tools = {
        "slipway": installed("slipway"),
        "docker": session.host.engine.version,
        "buildx": session.host.buildx_version,
    }
    planned = Planned(version, tuple(images), source_of(git_of(session)), tools, records.newest())
    _refuse_shared_tags(planned)
    return planned


def _moving_tag(push: Push, version: str, tag: str) -> str:
    """Return the moving tag of an image: ``latest-cpu`` for ``latest`` where the version tag is ``v1-cpu``."""
    return push.reference.tag.replace(version, tag) if version in push.reference.tag else tag


def _base(image: Image, snapshot: Snapshot) -> str:
    """Return the image of the stack that ``image`` is built on, or the identity of its root image."""
    return image.foundation if image.foundation in image.parents else snapshot.facts.roots.get(image.foundation, "")


def _refuse_shared_tags(planned: Planned) -> None:
    """Raise UsageError when two images would get the same tag of the same repository."""
    for tag in planned.tags:
        if planned.tags.count(tag) > 1:
            raise UsageError(f"--also: {tag} would stand for several images", hint="invoke release without --also")


def _publish(session: Session, planned: Planned, records: Records, *, began: bool = False) -> None:
    with session.record() as record:
        lacking = [push.image for push in planned.pushes if not push.content_digest]
        stack = session.repository.stack
        with session.console.showing(stack, [name for name in lacking if name in stack.by_name]) as taker:
            run = PushRun(session.host.engine, session.host.registry, record, taker.take)
            published, moves = _released(session, Release(planned, run, records, began, session.host.flag))
        _keep(session, published)
        content = {
            "run": record.id,
            "command": "release",
            "ok": True,
            "version": planned.version,
            "record": published.digest,
            "tags": [_move_json(move) for move in moves],
        }
        record.write("run.json", content)
    if session.json:
        session.answer(content)
        return
    session.console.table([(str(move.reference), move.digest[:19], _how(move)) for move in moves])
    session.console.line(f"released {planned.version}: {records.reference(planned.version)} is {published.digest}")


def _released(session: Session, given: Release) -> tuple[Published, tuple[TagMove, ...]]:
    """Release, and after an interrupt show the command that finishes the release."""
    try:
        return release(given)
    except (KeyboardInterrupt, Terminated):
        session.note(session.typed(f"{given.again} finishes this release"))
        raise


def _keep(session: Session, published: Published) -> None:
    """Keep the exact bytes of the record in ``.slipway/releases/``."""
    path = session.home / "releases" / f"{published.record.version}.json"
    with written(path):
        path.parent.mkdir(exist_ok=True)
        scratch = path.with_suffix(".part")
        scratch.write_bytes(published.record.content)
        scratch.replace(path)


def _move_json(move: TagMove) -> dict[str, str]:
    return {"reference": str(move.reference), "digest": move.digest, "before": move.before, "note": move.note}


def _how(move: TagMove) -> str:
    stood = "stood for it" if move.before == move.digest else f"was {move.before[:19]}" if move.before else "is new"
    return f"{stood}; {move.note}" if move.note else stood


def _released_before(
    session: Session, first: Published, snapshot: Snapshot, also: Sequence[str], records: Records
) -> None:
    """Report a version that is released with the same content.

    Raises LockedError when its record has other content, and RegistryError when its tags differ from the record.
    """
    version = first.record.version
    recorded = {image.reference: image.input_digest for image in first.record.images}
    planned = {image.reference: snapshot.facts.digests[image.name] for image in snapshot.stack}
    named = {tag.name for image in first.record.images for tag in image.tags}
    if recorded != planned or not named.issuperset(also):
        raise written_first(records.reference(version), first.digest)
    found = compare(first.record, session.host.registry, blobs=False)
    refuse_differences(version, found)
    if session.json:
        session.answer({"version": version, "record": first.digest, "ok": True, "tags": []})
    else:
        session.console.line(f"{version} is released already: {records.reference(version)} is {first.digest}")


def _show(session: Session, version: str, also: Sequence[str]) -> None:
    """Show the builds and the tags of a release. Nothing is built, tested or written."""
    records = records_of(session)
    names = [image.name for image in session.repository.stack.known]
    snapshot = session.snapshot(names)
    plan = plan_build(snapshot.stack, names, snapshot.facts)
    pushes = [Push(one.name, one.reference, one.reference, snapshot.facts.digests[one.name]) for one in snapshot.stack]
    tags = [push.reference for push in pushes]
    tags += [push.reference.tagged(_moving_tag(push, version, tag)) for push in pushes for tag in also]
    stands = map_concurrently(session.host.registry.digest, tags, at_once=QUESTIONS)
    first = records.digest(version)
    if session.json:
        builds = [step.image for step in plan.of(Action.BUILD)]
        listed = [{"reference": str(tag), "stands": now} for tag, now in zip(tags, stands, strict=True)]
        session.answer({"version": version, "record": first, "builds": builds, "tags": listed, "dry_run": True})
        return
    session.console.plan(snapshot.stack, plan, session.seconds)
    session.console.table([(str(tag), now[:19] or "is new") for tag, now in zip(tags, stands, strict=True)])
    session.console.line(f"{records.reference(version)}: {first or 'not written yet'}")
