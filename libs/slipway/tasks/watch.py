"""Keep a system up: rebuild the images that a change concerns, and replace their containers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from slipway.compose.watching import Watcher, folders_of_mounts, watched_folders
from slipway.core.errors import SlipwayError, UsageError
from slipway.plan.facts import Snapshot
from slipway.stack import graph
from slipway.tasks.options import SystemOptions, UpOptions, WatchOptions
from slipway.tasks.session import Session
from slipway.tasks.systems import chosen_file, mounts_to_send, project_of, resolve, system_of
from slipway.tasks.up import run_up

_SHOWN = 5


def run_watch(session: Session, chosen: SystemOptions, options: WatchOptions) -> None:
    """Bring the system up, and bring it up again after each change, until the user interrupts.

    Changes count from before the files are read: a save during a build leads to the next build.
    """
    if session.json:
        raise UsageError("watch: does not end, so it has no JSON", hint="invoke up --json, invoke ps --json")
    up = UpOptions(deadline=options.deadline, keep=True)
    folders = _folders(session, chosen)
    while True:
        with Watcher(session.settings.root, folders, poll=options.poll) as watcher:
            if watcher.polls and not options.poll:
                session.note("the system's limit of watches is reached: slipway looks at the files twice a second")
            _bring_up(session, chosen, up)
            session.console.note(f"watching {len(folders)} folders · Ctrl-C ends the watch, the system stays up")
            while (now := _folders(session, chosen, folders)) == folders:
                _tell(session, watcher.wait())
                _bring_up(session, chosen, up)
        folders = now


def _bring_up(session: Session, chosen: SystemOptions, up: UpOptions) -> None:
    """Bring the system up with the files as they are. An error is shown, and the containers are left alone."""
    try:
        with session.again() as fresh:
            run_up(fresh, chosen, up, dry_run=False)
    except SlipwayError as error:
        session.console.note(str(session.output.readable(error)))


def _folders(session: Session, chosen: SystemOptions, otherwise: Collection[str] = ()) -> frozenset[str]:
    """Return the folders to watch; ``otherwise`` while the files cannot be read."""
    try:
        with session.again() as fresh:
            file = chosen_file(fresh, chosen.names, "watch")
            config = resolve(fresh, file, project_of(fresh, file, chosen.project))
            system = system_of(fresh, file, config)
            mounted = folders_of_mounts(mounts_to_send(fresh, file, system))
            built = system.built
            return (_of_images(fresh.snapshot(built), built) if built else frozenset()) | mounted | {file.folder}
    except SlipwayError:
        if not otherwise:
            raise
        return frozenset(otherwise)


def _of_images(snapshot: Snapshot, names: Sequence[str]) -> frozenset[str]:
    concerned = {*names, *graph.ancestors(snapshot.parents, names)}
    images = [image for image in snapshot.stack if image.name in concerned]
    return watched_folders(images, snapshot.facts.manifests, snapshot.facts.trees)


def _tell(session: Session, changed: Collection[str]) -> None:
    root = session.settings.root.resolve()
    paths = sorted(str(Path(path).relative_to(root)) if Path(path).is_relative_to(root) else path for path in changed)
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    session.console.note(f"changed: {', '.join(paths[:_SHOWN])}{more}")
