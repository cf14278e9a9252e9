"""Release a version: build, test, push the content, move all tags, publish the record; or finish such a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from slipway.core.errors import PolicyError, UsageError
from slipway.core.threads import map_concurrently
from slipway.core.writing import replaced, written
from slipway.plan.decide import Action, plan_build
from slipway.plan.facts import Snapshot
from slipway.push.inspect import QUESTIONS, Push
from slipway.push.tags import TagMove
from slipway.push.upload import PushRun
from slipway.release.accepted import NOTHING, Found, refuse_other_content
from slipway.release.claim import Claims
from slipway.release.comparison import compare_tags, refuse_differences
from slipway.release.planned import Planned
from slipway.release.publish import Release, as_it_stands, release
from slipway.release.records import Published, Records, written_first
from slipway.release.resume import read_release
from slipway.release.signing import Signing
from slipway.runs.run import Run
from slipway.tasks.documents import attach_documents, missing_documents
from slipway.tasks.options import ReleaseOptions, ResumeOptions
from slipway.tasks.platforms import refuse_untestable
from slipway.tasks.process import Terminated
from slipway.tasks.release_plan import (
    Looked,
    also_tagged,
    build_missing,
    look_and_take,
    look_at_all,
    moving_tags,
    plan_builds,
    plan_release,
    refuse_name_of_records,
)
from slipway.tasks.session import Session
from slipway.tasks.signing import signing_of
from slipway.tasks.tested import test_images


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
    also = moving_tags(session, options.also)
    refuse_name_of_records(session)
    if dry_run:
        _show(session, version, also)
        return
    signing = signing_of(session)
    session.prepare_workspace()
    with locked(session, "release", break_expired=options.break_lock):
        records = records_of(session)
        snapshot, plan = plan_builds(session)
        if first := records.find(version):
            _released_before(session, first, snapshot, also, records, signing)
            return
        if signing:
            signing.refuse_without_key(version)
        if not options.no_smoke:
            refuse_untestable(session, snapshot)
        build_missing(session, snapshot, plan)
        accepted = NOTHING if options.no_smoke else test_images(session, *look_and_take(session))
        with locked(session, "push", break_expired=options.break_lock):
            claims = Claims(records, tell=session.note).awaited()
            look = look_and_take if options.no_smoke else look_at_all
            planned = _planned(session, look, version, also, claims)
            refuse_other_content(planned, accepted.tested)
            _publish(session, planned.taken_over(), claims, signing, began=planned.is_begun, rehearsed=accepted)


def run_resume(session: Session, options: ResumeOptions) -> None:
    """Finish the release of an earlier run, with its digests; nothing is built.

    Raises UsageError when there is no such run, and the errors of a release.
    """
    earlier, signing = read_release(session.home, options.run), signing_of(session)
    session.prepare_workspace()
    with locked(session, "release", break_expired=options.break_lock):
        records = records_of(session)
        if str(records.repository) != earlier.repository:
            what = f"release-resume {options.run}: releases to {earlier.repository}, not to {records.repository}"
            raise UsageError(what, hint="set REGISTRY and OWNER as in that run")
        with locked(session, "push", break_expired=options.break_lock):
            planned = earlier.planned if earlier.began else as_it_stands(earlier.planned, session.host.registry)
            _publish(session, planned, Claims(records, tell=session.note), signing, began=earlier.began)


def _planned(
    session: Session, look: Callable[[Session], Looked], version: str, also: Sequence[str], claims: Claims
) -> Planned:
    """Return the release to publish, of the images as ``look`` finds them.

    Raises LockedError instead of PolicyError when the tags stand for the content of another release that has ended.
    """
    try:
        return plan_release(session, look(session), version, also, claims.records)
    except PolicyError:
        claims.awaited()
        if first := claims.records.digest(version):
            raise written_first(claims.records.reference(version), first) from None
        raise


def _publish(
    session: Session,
    planned: Planned,
    claims: Claims,
    signing: Signing | None,
    *,
    began: bool = False,
    rehearsed: Found = NOTHING,
) -> None:
    with session.record() as record:
        lacking = [push.image for push in planned.pushes if not push.content_digest]
        stack = session.repository.stack
        with session.console.showing(stack, [name for name in lacking if name in stack.by_name]) as taker:
            run = PushRun(session.host.engine, session.host.registry, record, taker.take)
            attach = partial(_attach, session, record)
            given = Release(planned, run, claims, began, session.host.flag, attach, signing)
            published, moves = _released(session, given)
        _keep(session, published)
        content = {
            "run": record.id,
            "command": "release",
            "ok": True,
            "version": planned.version,
            "record": published.digest,
            "signature": _signature_json(published),
            "rehearsed": dict(rehearsed.digests),
            "rehearsed_systems": [*rehearsed.systems],
            "tags": [_move_json(move) for move in moves],
        }
        record.write("run.json", content)
    if session.json:
        session.answer(content)
        return
    session.console.table([(str(move.reference), move.digest[:19], _how(move)) for move in moves])
    reference = claims.records.reference(planned.version)
    session.console.line(f"released {planned.version}: {reference} is {published.digest}")
    _show_signature(session, published)


def _attach(session: Session, record: Run, pushes: Sequence[Push]) -> None:
    """Attach the documents that are missing about images of this checkout's inputs; name the other images."""
    missing = missing_documents(session, pushes)
    if not missing:
        return
    snapshot = session.snapshot([image.name for image in session.repository.stack.known])
    same = [push for push, _ in missing if snapshot.facts.digests.get(push.image) == push.input_digest]
    attach_documents(session, snapshot, record, same)
    if others := [push.image for push, _ in missing if push not in same]:
        session.note(f"{', '.join(others)}: no documents attached, since the files differ from those of the release")


def _released(session: Session, given: Release) -> tuple[Published, tuple[TagMove, ...]]:
    """Release, and after an interrupt show the command that finishes the release."""
    try:
        return release(given)
    except (KeyboardInterrupt, Terminated):
        session.note(session.typed(f"{given.again} finishes this release"))
        raise


def _keep(session: Session, published: Published) -> None:
    """Keep the exact bytes of the record, and of its signature, in ``.slipway/releases/``."""
    path = session.home / "releases" / f"{published.record.version}.json"
    signature = path.with_name(f"{path.name}.sig")
    with written(path):
        path.parent.mkdir(exist_ok=True)
        signature.unlink(missing_ok=True)
        _replace(path, published.content)
        if published.signature:
            _replace(signature, published.signature.content)


def _replace(path: Path, content: bytes) -> None:
    with replaced(path) as scratch:
        scratch.write_bytes(content)


def _show_signature(session: Session, published: Published) -> None:
    if published.signature:
        session.console.line(f"signed: {published.signature.verdict}")


def _signature_json(published: Published) -> dict[str, Any]:
    return published.signature.verdict.as_json() if published.signature else {}


def _move_json(move: TagMove) -> dict[str, str]:
    return {"reference": str(move.reference), "digest": move.digest, "before": move.before, "note": move.note}


def _how(move: TagMove) -> str:
    stood = "stood for it" if move.before == move.digest else f"was {move.before[:19]}" if move.before else "is new"
    return f"{stood}; {move.note}" if move.note else stood


def _released_before(
    session: Session,
    first: Published,
    snapshot: Snapshot,
    also: Sequence[str],
    records: Records,
    signing: Signing | None,
) -> None:
    """Report a version that is released with the same content. Sign its record, if this key has not.

    Raises LockedError when its record has other content, and RegistryError when its tags differ from the record.
    """
    version = first.record.version
    recorded = {image.reference: image.input_digest for image in first.record.images}
    planned = {image.reference: snapshot.facts.digests[image.name] for image in snapshot.stack}
    named = {tag.name for image in first.record.images for tag in image.tags}
    if recorded != planned or not named.issuperset(also):
        raise written_first(records.reference(version), first.digest)
    found = compare_tags(first.record, session.host.registry)
    refuse_differences(version, found)
    if signing:
        first = replace(first, signature=signing.sign(first, records))
        _keep(session, first)
    if session.json:
        said = {"version": version, "record": first.digest, "signature": _signature_json(first)}
        session.answer({**said, "ok": True, "tags": []})
        return
    session.console.line(f"{version} is released already: {records.reference(version)} is {first.digest}")
    _show_signature(session, first)


def _show(session: Session, version: str, also: Sequence[str]) -> None:
    """Show the builds and the tags of a release. Nothing is built, tested or written."""
    records = records_of(session)
    names = [image.name for image in session.repository.stack.known]
    snapshot = session.snapshot(names)
    plan = plan_build(snapshot.stack, names, snapshot.facts)
    tags = [image.reference for image in snapshot.stack]
    tags += [also_tagged(session, image, tag) for image in snapshot.stack for tag in also]
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
