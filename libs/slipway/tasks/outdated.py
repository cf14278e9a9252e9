"""Find root images that moved and requirements with newer versions, and write both as one change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from slipway.config.images_lock import LOCAL, ImagesLock
from slipway.core.errors import PolicyError, RefusedError, SlipwayError
from slipway.core.image import LocalImage
from slipway.core.reference import Reference, full_name
from slipway.core.threads import map_concurrently
from slipway.plan import locked
from slipway.plan.history import newest_of
from slipway.push.inspect import QUESTIONS
from slipway.release.outdated import RootStanding, RootState, lock_edit, root_standings, standing_on
from slipway.release.rewrite import Edit
from slipway.release.writing import reading, write_edits
from slipway.tasks.options import OutdatedOptions
from slipway.tasks.session import Session


def run_outdated(session: Session, options: OutdatedOptions, *, dry_run: bool) -> None:
    """Show the root images that moved; with ``update``, write images.lock, or show the change with ``dry_run``.

    Raises RegistryError when a registry does not answer or a root image is gone, and UnwritableError. slipway then
    writes no file.
    """
    found = roots_of(session)
    edits = _edits(session, found) if options.update else ()
    if session.json:
        session.answer(
            {
                "roots": [one.as_json() for one in found],
                "written": bool(edits) and not dry_run,
                "files": [{"path": edit.path, "diff": edit.diff} for edit in edits],
            }
        )
    else:
        session.console.table([(one.name, one.state, one.change, str(one.touched)) for one in found])
        for edit in edits:
            session.console.diff(edit.path, edit.before, edit.after, context=0)
    refuse_absent(found)
    if edits and not dry_run:
        write_edits(session.settings.root, edits)
        session.note(f"wrote {', '.join(edit.path for edit in edits)}")


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


def roots_of(session: Session) -> tuple[RootStanding, ...]:
    """Ask the registry of each root image and frontend. Raises RegistryError when one does not answer."""
    stack = session.repository.stack
    stack.refuse([image.name for image in stack.known])
    images, lock = tuple(stack), session.settings.lock
    local = _engine_images(session)
    newest = newest_of({image.name: image.reference for image in images}, local)
    sizes = {name: image.size for name, image in newest.items()}
    names = list(standing_on(images))
    ask = partial(_present, session, lock, {tag: image for image in local for tag in image.tags})
    digests = map_concurrently(ask, names, at_once=QUESTIONS)
    return root_standings(images, lock, dict(zip(names, digests, strict=True)), sizes)


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
    try:
        return session.host.engine.images()
    except SlipwayError as error:
        session.note(f"{error.message}: slipway knows neither bytes nor images that only this engine has")
        return ()


def _edits(session: Session, found: Sequence[RootStanding]) -> tuple[Edit, ...]:
    before = reading(session.settings.root)("images.lock")
    edit = lock_edit(before, session.settings.lock, found)
    return (edit,) if edit.before != edit.after else ()
