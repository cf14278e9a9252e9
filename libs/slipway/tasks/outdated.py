"""Find root images that moved and requirements with newer versions, and write both as one change."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import partial

from slipway.config.images_lock import FILE, LOCAL, ImagesLock
from slipway.core.errors import PolicyError, RefusedError, SlipwayError
from slipway.core.image import LocalImage
from slipway.core.reference import Reference, full_name
from slipway.core.threads import map_concurrently
from slipway.plan import locked
from slipway.plan.history import newest_of
from slipway.push.inspect import QUESTIONS
from slipway.release.outdated import RootStanding, RootState, lock_edit, root_standings, standing_on, updated
from slipway.release.requirements import Newer
from slipway.release.rewrite import Edit
from slipway.release.writing import reading, write_edits
from slipway.tasks.mirror import mirror_roots
from slipway.tasks.options import OutdatedOptions
from slipway.tasks.requirements import requirement_edits, resolve, run_lock_command
from slipway.tasks.session import Session


def run_outdated(session: Session, options: OutdatedOptions, *, dry_run: bool) -> None:
    """Show the root images that moved and the requirements with newer versions, and what each touches.

    With ``update``, write images.lock, the lists and their locks; with ``dry_run``, too, only show the change. Raises
    RegistryError when a registry does not answer or a root image is gone, PrerequisiteError when the package index does
    not answer, and UnwritableError. slipway then writes no file.
    """
    local = _engine_images(session)
    sizes = _sizes(session, local)
    found = roots_of(session, local)
    refuse_absent(found)
    resolved = resolve(session, sizes)
    edits = (*_lock_edits(session, found), *requirement_edits(session, resolved)) if options.update else ()
    if options.update and not dry_run:
        if session.settings.lock.mirror:
            mirror_roots(session, updated(session.settings.lock, found), found)
        edits = _written(session, edits, relock=bool(resolved.found))
    if session.json:
        session.answer(
            {
                "roots": [one.as_json() for one in found],
                "requirements": [one.as_json() for one in resolved.found],
                "written": bool(edits) and not dry_run,
                "files": [{"path": edit.path, "diff": edit.diff} for edit in edits],
            }
        )
    else:
        _show(session, found, resolved.found, edits)
    if edits and not dry_run:
        session.note(f"wrote {', '.join(edit.path for edit in edits)}")
    elif dry_run and options.update and resolved.found and (words := session.settings.project.lock_command):
        session.note(f"{shlex.join(words)} then writes the locks")


def _show(session: Session, roots: Sequence[RootStanding], newer: Sequence[Newer], edits: Sequence[Edit]) -> None:
    rows = [(one.name, str(one.state), one.change, str(one.touched)) for one in roots]
    rows += [(one.path, one.name, f"{one.old} → {one.new}", str(one.touched)) for one in newer]
    session.console.table(rows)
    for edit in edits:
        session.console.diff(edit.path, edit.before, edit.after, context=0)


def _written(session: Session, edits: Sequence[Edit], *, relock: bool) -> tuple[Edit, ...]:
    """Write the edits, and return them with those of the project's lock command, if it is to run."""
    if relock and session.settings.project.lock_command:
        return (*edits, *run_lock_command(session, edits))
    write_edits(session.settings.root, edits)
    return tuple(edits)


def refuse_moved(found: Sequence[RootStanding], lock: ImagesLock) -> None:
    """Raise PolicyError when a root image of images.lock moved, and RefusedError when its tag is gone."""
    refuse_absent(found)
    moved = [locked.moved(one.name, lock, one.found) for one in found if one.state is RootState.MOVED]
    if moved:
        raise PolicyError.of(moved)


def refuse_absent(found: Sequence[RootStanding]) -> None:
    """Raise RefusedError when a registry does not have the tag of a root image."""
    problems = [locked.absent(one.name) for one in found if one.state is RootState.GONE]
    if problems:
        raise RefusedError.of(problems)


def roots_of(session: Session, local: Sequence[LocalImage]) -> tuple[RootStanding, ...]:
    """Ask the registry of each root image and frontend. Raises RegistryError when one does not answer.

    ``local``: the engine's images.
    """
    stack = session.repository.stack
    stack.refuse([image.name for image in stack.known])
    lock, names = session.settings.lock, list(standing_on(tuple(stack)))
    ask = partial(_present, session, lock, {tag: image for image in local for tag in image.tags})
    digests = map_concurrently(ask, names, at_once=QUESTIONS)
    return root_standings(tuple(stack), lock, dict(zip(names, digests, strict=True)), _sizes(session, local))


def _sizes(session: Session, local: Sequence[LocalImage]) -> dict[str, int]:
    """Return the bytes of the unpacked layers of the engine's newest image of each name."""
    references = {image.name: image.reference for image in session.repository.stack}
    return {name: image.size for name, image in newest_of(references, local).items()}


def _present(session: Session, lock: ImagesLock, local: Mapping[str, LocalImage], name: str) -> str:
    """Return the digest of a root image in its registry, or ``local`` when no registry has it.

    The classic store has no digest of an image that was built on its machine.
    """
    held = local.get(full_name(name))
    if lock.entry(name) == LOCAL or (not lock.entry(name) and held and not held.digests):
        return LOCAL
    return session.root_digest(Reference.read(name).full)


def _engine_images(session: Session) -> Sequence[LocalImage]:
    """Return the engine's images; none when the engine does not answer."""
    engine = session.host.engine
    try:
        return engine.images()
    except SlipwayError as error:
        session.note(f"{error.message}: slipway knows neither bytes nor images that only this engine has")
        return ()


def _lock_edits(session: Session, found: Sequence[RootStanding]) -> tuple[Edit, ...]:
    edit = lock_edit(reading(session.settings.root)(FILE), session.settings.lock, found)
    return (edit,) if edit.before != edit.after else ()
