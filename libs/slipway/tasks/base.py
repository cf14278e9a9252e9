"""Check the bases for drift, and raise their version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial

from slipway.core.errors import PolicyError, SlipwayError
from slipway.core.threads import map_concurrently
from slipway.core.units import size
from slipway.plan.decide import Action, Step, plan_build
from slipway.plan.facts import Snapshot
from slipway.plan.history import newest_of, only_modes
from slipway.push.inspect import QUESTIONS
from slipway.release.bump import Bump, Effect, effects, plan_bump
from slipway.release.causes import VersionCause
from slipway.release.drift import Sources, refuse_drift, standings
from slipway.release.since import start_of
from slipway.release.versions import Part, raised
from slipway.release.writing import reading, write_edits
from slipway.stack.manifests import load_inputs
from slipway.tasks.build import get_root_images
from slipway.tasks.git import git_of
from slipway.tasks.outdated import refuse_moved, roots_of
from slipway.tasks.selection import only
from slipway.tasks.session import Session


def run_check(session: Session, names: Sequence[str]) -> None:
    """Compare the bases with their version in the registry, and root images with images.lock.

    Raises PolicyError when one of them changed and its version is in the registry, or when a root image of images.lock
    moved, and RegistryError.
    """
    own = tuple(image.name for image in session.repository.stack.known if image.kind == "base")
    bases = only(names, own, "base")
    snapshot = session.snapshot(bases)
    if get_root_images(session, snapshot, plan_build(snapshot.stack, bases, snapshot.facts)):
        snapshot = session.snapshot(bases)
    images = [image for image in snapshot.stack if image.name in bases]
    found = standings(images, snapshot.facts, session.host.registry, _sources(session, snapshot))
    lock = session.settings.lock
    roots = roots_of(session, session.host.engine.images()) if lock.exists else ()
    if session.json:
        version, told = session.settings["BASE_VERSION"], [one.as_json() for one in found]
        session.answer({"version": version, "bases": told, "roots": [one.as_json() for one in roots]})
    else:
        rows = [(one.image, one.state, str(one.reference)) for one in found]
        session.console.table([*rows, *((one.name, one.state, one.change) for one in roots)])
    refuse_drift(found, session.settings.project.moving_tags)
    refuse_moved(roots, lock)


def run_bump(session: Session, to: str, *, dry_run: bool) -> None:
    """Raise BASE_VERSION in every file that sets it, by its patch number or as ``to`` says.

    Raises UsageError for a version that does not rise, PolicyError for one that the registry has, and UnwritableError.
    slipway then writes no file.
    """
    repository = session.repository
    repository.stack.refuse([image.name for image in repository.stack.known])
    new = raised(session.settings["BASE_VERSION"], to or Part.PATCH)
    bump = plan_bump(repository, new, reading(session.settings.root))
    _refuse_taken(session, bump)
    found = effects(bump, *_engine_facts(session, bump))
    if session.json:
        session.answer(
            {
                "old": bump.old,
                "new": bump.new,
                "written": not dry_run,
                "files": [{"path": edit.path, "diff": edit.diff} for edit in bump.edits],
                "images": [one.as_json() for one in found],
            }
        )
    else:
        _show(session, bump, found)
    if not dry_run:
        write_edits(session.settings.root, bump.edits)
        session.note(f"wrote {', '.join(edit.path for edit in bump.edits)}")


def _sources(session: Session, snapshot: Snapshot) -> Sources:
    git = git_of(session)
    places = (".env", ".env.example", *dict.fromkeys(image.dockerfile for image in session.repository.stack.known))
    return Sources(
        load=partial(load_inputs, session.home),
        git=git,
        start=cache(lambda: start_of(session.settings["BASE_VERSION"], places, git)),
        modes=partial(only_modes, session.home, snapshot.facts),
    )


def _refuse_taken(session: Session, bump: Bump) -> None:
    """Raise PolicyError when the registry has an image of the new version. Raises RegistryError."""
    session.host.registry.refuse_foreign()
    references = bump.new_references
    digests = map_concurrently(session.host.registry.digest, references, at_once=QUESTIONS)
    there = [str(reference) for reference, digest in zip(references, digests, strict=True) if digest]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        what = f"BASE_VERSION={bump.new}: the registry has {there[0]}{more}; no file was written"
        raise PolicyError(what, hint="name a higher version: invoke base-bump VERSION", code=VersionCause.TAKEN)


def _engine_facts(session: Session, bump: Bump) -> tuple[Mapping[str, Step], dict[str, int]]:
    """Return the steps of a build of the images, and the bytes of the engine's newest image of each.

    Both are empty when the engine does not answer.
    """
    try:
        local = session.host.engine.images()
    except SlipwayError as error:
        session.note(f"{error.message}: slipway knows neither which images are old nor their bytes")
        return {}, {}
    names = [image.name for image in bump.images]
    snapshot = session.snapshot(names)
    newest = newest_of({image.name: image.reference for image in bump.images}, local)
    sizes = {name: image.size for name, image in newest.items()}
    return plan_build(snapshot.stack, names, snapshot.facts).by_image, sizes


def _show(session: Session, bump: Bump, found: Sequence[Effect]) -> None:
    for edit in bump.edits:
        session.console.diff(edit.path, edit.before, edit.after, context=0)
    session.console.line()
    rows = {
        one.image: (one.reference.tag, one.action, size(one.bytes) if one.bytes else "", one.reason) for one in found
    }
    session.console.tree(session.repository.stack, rows)
    parts = []
    for action in (Action.BUILD, Action.TAG, Action.REUSE):
        of = [one for one in found if one.action is action]
        moved = sum(one.bytes for one in of)
        if of:
            parts.append(f"{len(of)} to {action}{f' ({size(moved)})' if moved and action is Action.BUILD else ''}")
    session.console.line(f"{bump.old} → {bump.new} · {' · '.join(parts)}")
