"""Push images: inspect the registry, refuse forbidden moves, upload, and move the version tags."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from slipway.plan.history import only_modes
from slipway.push.events import PushAction
from slipway.push.inspect import look, refuse_moves
from slipway.push.release import release
from slipway.push.resume import ReleasePlan, read_plan
from slipway.push.upload import PushRun
from slipway.tasks.documents import attach_documents, missing_documents
from slipway.tasks.options import PushOptions
from slipway.tasks.results import tell
from slipway.tasks.session import Session


def run_push(session: Session, names: Sequence[str], options: PushOptions, *, dry_run: bool) -> None:
    """Release ``names``, or all images: inspect the registry, refuse forbidden moves, upload, move tags.

    Raises PolicyError, RegistryError, MixedReleaseError, LockedError.
    """
    if options.resume:
        names = read_plan(session.home, options.resume).images
    names = names or session.chain.bases
    session.host.list_ahead()
    snapshot = session.snapshot(names or [image.name for image in session.repository.stack.known])
    images = [image for image in snapshot.stack if not names or image.name in names]
    pushes = look(images, snapshot.facts, session.host.registry)
    explain = partial(only_modes, session.home, snapshot.facts)
    refuse_moves(pushes, session.host.registry, session.settings.project.moving_tags, options.force, explain)
    if dry_run or not session.json:
        rows = [(push.image, push.reference.tag, push.action, push.reason) for push in pushes]
        session.answer([vars(push) for push in pushes]) if session.json else session.console.table(rows)
    if dry_run:
        return
    session.prepare_workspace()
    is_published = not session.json and all(push.action is PushAction.REUSE for push in pushes)
    if is_published and not missing_documents(session, pushes):
        return
    lock = f"push-{session.settings.registry}-{session.settings.owner}".replace("/", "-").replace(":", "-")
    with session.host.release_lock(lock, break_expired=options.break_lock), session.record() as record:
        versions = {"BASE_VERSION": session.settings.version("base"), "VERSION": session.settings.version("service")}
        record.write("plan.json", ReleasePlan(tuple(push.image for push in pushes), versions).as_json())
        lacking = [push.image for push in pushes if not push.content_digest]
        with session.console.showing(snapshot.stack, lacking) as taker:
            run = PushRun(session.host.engine, session.host.registry, record, taker.take)
            outcomes = release(pushes, run, partial(attach_documents, session, snapshot, record))
        tell(session, record, outcomes, "push", snapshot=snapshot)
