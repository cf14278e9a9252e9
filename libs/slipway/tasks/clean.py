"""Show what slipway made and nothing needs any more, and remove it after the user agrees."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from slipway.build.attach import clean as clean_host
from slipway.build.attach import list_runs
from slipway.clean.causes import CleanCause
from slipway.clean.engine import look_at_cache, look_at_images, look_at_leftovers, used_images
from slipway.clean.items import Doomed, Item, Kind, Outcome, Stay, sums
from slipway.clean.needed import Named, Needed
from slipway.clean.registry import look_at_contents
from slipway.clean.runs import kept_records, look_at_runs, unfinished_releases
from slipway.core.errors import LockedError, RegistryError, SlipwayError, UsageError
from slipway.core.units import parse_age, size
from slipway.release.record import Record
from slipway.runs.lock import lock
from slipway.tasks.options import CleanOptions
from slipway.tasks.process import is_terminal
from slipway.tasks.release import locked, records_of
from slipway.tasks.session import Session

_HEADS: Mapping[Kind, str] = {
    Kind.IMAGE: "images in the engine",
    Kind.LEFTOVER: "leftovers of tests",
    Kind.CONTENT: "content in the registry",
    Kind.RUN: "runs of this checkout",
    Kind.REMOTE_RUN: "runs on the build host",
    Kind.CACHE: "build cache",
}


@dataclass
class Findings:
    """Hold everything that goes, and how many things of each kind stay for each reason.

    ``keeps_all``: the reason for which the registry deletes nothing; then its content is counted and not removed.
    """

    doomed: list[Doomed] = field(default_factory=list)
    stays: dict[Kind, Counter[Stay]] = field(default_factory=dict)
    keeps_all: str = ""

    @property
    def items(self) -> list[Item]:
        return [one.item for one in self.doomed]

    @property
    def removable(self) -> list[Doomed]:
        return [one for one in self.doomed if not self.keeps(one.item)]

    def keeps(self, item: Item) -> str:
        """Return the reason for which an item stays because of its place; empty when it can go."""
        return self.keeps_all if item.kind is Kind.CONTENT else ""


def run_clean(session: Session, options: CleanOptions, *, yes: bool, dry_run: bool) -> None:
    """Remove old things that nothing needs, or only show them.

    Raises UsageError when the user does not agree, LockedError while another run builds, pushes or releases, and
    RegistryError when something could not be removed.
    """
    seconds = parse_age(options.older_than, "--older-than")
    if options.cache and session.settings["BUILDER"]:
        name = session.settings["BUILDER"]
        hint = f"docker buildx prune --builder {name} --filter until={seconds}s"
        raise UsageError(f"clean --cache: BUILDER={name} is not the engine's own builder", hint=hint)
    if not (yes or dry_run) and not is_terminal(sys.stdin):
        what = "clean: nothing was removed: it needs your consent, and this is not a terminal"
        raise UsageError(what, hint="invoke clean --yes; --dry-run shows everything that would go")
    with ExitStack() as held:
        if not dry_run:
            session.prepare_workspace()
            for task in ("release", "push"):
                held.enter_context(locked(session, task, break_expired=options.break_lock))
            held.enter_context(lock(session.home, "build"))
            _refuse_living(session)
        found = _look(session, seconds, cache=options.cache)
        if not session.json:
            _show(session, found, in_full=dry_run)
        if found.removable and not (yes or dry_run) and not session.agreed("Remove them for good?"):
            raise UsageError("clean: declined; nothing was removed", hint="invoke clean --dry-run")
        if dry_run:
            outcomes = [Outcome(item, stays=found.keeps(item) or "dry run") for item in found.items]
        else:
            outcomes = _remove(session, found) if found.doomed else []
        content = _as_json(found, outcomes, options, dry_run=dry_run)
        if session.json:
            session.answer(content)
        elif not dry_run:
            _tell(session, found, outcomes)
    _refuse_failures(outcomes)


def _refuse_living(session: Session) -> None:
    """Raise LockedError while a build of these images runs on the build host."""
    if not session.host.flag:
        return
    host, project = session.remote_host.ready, session.remote_host.project
    living = [run.id for run in list_runs(host.connection, project) if run.lives]
    if living:
        said = f"clean: the run {living[0]} builds on {host.name}"
        raise LockedError(said, hint=f"invoke remote-attach {living[0]} follows it")


def _look(session: Session, seconds: int, *, cache: bool) -> Findings:
    """Look everywhere. Raises the errors of the engine and of the registry: then nothing was removed."""
    now = time.time()
    before, home, found = now - seconds, session.home, Findings()
    snapshot = session.snapshot()
    engine, published = session.host.engine, _records(session)
    records = [*kept_records(home), *(published or {}).values()]
    unfinished = unfinished_releases(home, published or ())
    named, resumable = Named.by_records(records), Named.by_releases(unfinished.values())
    needed = Needed.of(snapshot.facts, named, resumable, used_images(engine))
    found.doomed += look_at_leftovers(engine)
    images, found.stays[Kind.IMAGE] = look_at_images(engine, needed, before)
    found.doomed += images
    if published is not None:
        contents = look_at_contents(session.host.registry, needed, before)
        found.doomed += contents.doomed
        found.stays[Kind.CONTENT], found.keeps_all = contents.stays, contents.keeps_all
    runs, found.stays[Kind.RUN] = look_at_runs(home, unfinished, before, now)
    found.doomed += [*runs, *_runs_there(session, seconds), *(look_at_cache(engine, seconds, now) if cache else ())]
    return found


def _records(session: Session) -> Mapping[str, Record] | None:
    """Return the records of releases in the registry, by their full names; None when the registry does not answer.

    Raises RegistryError when a record cannot be read.
    """
    if problem := session.host.registry.greeting().problem:
        session.note(f"{session.settings.registry} {problem}: slipway looks at nothing in it")
        return None
    records = records_of(session)
    return {str(records.reference(one.record.version)): one.record for one in records.all()}


def _runs_there(session: Session, seconds: int) -> Iterator[Doomed]:
    """Yield the runs on the build host, as one item."""
    if not session.host.flag:
        return
    host, project, minutes = session.remote_host.ready, session.remote_host.project, max(1, seconds // 60)
    looked = clean_host(host.connection, project, look=True, minutes=minutes)
    if looked.runs:
        item = Item(Kind.REMOTE_RUN, f"{looked.runs} in {project}", looked.bytes)
        yield Doomed(item, partial(_remove_there, session, minutes))


def _remove_there(session: Session, minutes: int) -> None:
    host, project = session.remote_host.ready, session.remote_host.project
    clean_host(host.connection, project, look=False, minutes=minutes)


def _remove(session: Session, found: Findings) -> list[Outcome]:
    """Remove everything that can go, with a line in the run's journal before each removal."""
    with session.record() as record:
        outcomes = []
        for one in found.doomed:
            kept = found.keeps(one.item)
            if not kept:
                record.journal(removing=one.item.name, kind=one.item.kind)
            outcomes.append(Outcome(one.item, stays=kept) if kept else _removed(one))
        failed = any(one.error for one in outcomes)
        items = [one.as_json() for one in outcomes]
        record.write("run.json", {"run": record.id, "command": "clean", "ok": not failed, "items": items})
    return outcomes


def _removed(one: Doomed) -> Outcome:
    """Remove one thing. A failure is reported with the others, and the rest goes on."""
    try:
        return Outcome(one.item, stays=one.remove() or "")
    except (SlipwayError, OSError) as error:
        return Outcome(one.item, error=error.message if isinstance(error, SlipwayError) else str(error))


def _show(session: Session, found: Findings, *, in_full: bool) -> None:
    """Show the kinds with numbers and bytes; ``in_full`` also everything that goes and the reasons to stay."""
    if in_full:
        session.console.table([(item.kind, item.name, size(item.bytes)) for item in found.items])
        for kind, reasons in found.stays.items():
            told = [f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda entry: entry[0])]
            if told:
                session.note(f"{_HEADS[kind]} that stay: {', '.join(told)}")
    rows = [(_HEADS[kind], str(count), size(total)) for kind, (count, total) in sums(found.items).items()]
    session.console.table(rows)
    if not rows:
        session.console.line("nothing to remove")
    if found.keeps_all:
        session.note(
            f"{found.keeps_all}, so its content stays; distribution needs REGISTRY_STORAGE_DELETE_ENABLED=true"
        )


def _as_json(found: Findings, outcomes: Sequence[Outcome], options: CleanOptions, *, dry_run: bool) -> dict[str, Any]:
    counted = [one.item for one in outcomes if one.is_removed or (dry_run and not found.keeps(one.item))]
    return {
        "ok": not any(one.error for one in outcomes),
        "dry_run": dry_run,
        "older_than": options.older_than,
        "items": [one.as_json() for one in outcomes],
        "bytes": sum(item.bytes for item in counted),
        "stays": {kind: dict(reasons) for kind, reasons in found.stays.items()},
        "registry_keeps_all": found.keeps_all,
    }


def _tell(session: Session, found: Findings, outcomes: Sequence[Outcome]) -> None:
    """Report everything that was removed, and each thing that stays after all."""
    removed = [one.item for one in outcomes if one.is_removed]
    for one in outcomes:
        if one.stays and not found.keeps(one.item):
            session.note(f"{one.item.name} stays: {one.stays}")
    if found.doomed:
        session.console.line(f"removed {len(removed)} things, {size(sum(item.bytes for item in removed))}")
    if any(item.kind is Kind.CONTENT for item in removed):
        session.note(f"{session.settings.registry} frees the bytes at its next garbage collection")


def _refuse_failures(outcomes: Sequence[Outcome]) -> None:
    """Raise RegistryError, with a line for each removal that failed."""
    failed = [one for one in outcomes if one.error]
    if failed:
        lines = [f"{one.item.name}: {one.error}" for one in failed]
        said = "\n  ".join([f"clean: {len(failed)} of {len(outcomes)} things could not be removed", *lines])
        raise RegistryError(said, hint="invoke clean --dry-run shows the rest", code=CleanCause.INCOMPLETE)
