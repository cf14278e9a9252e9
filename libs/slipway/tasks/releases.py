"""List and show the releases in the registry, verify one, and return to one."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from slipway.core.errors import UsageError
from slipway.core.reference import check_tag
from slipway.core.units import size
from slipway.push.tags import TagMove
from slipway.release.comparison import compare, holes_of_each, refuse_differences, refuse_lost
from slipway.release.record import MovedTag, Record
from slipway.release.rollback import roll_back, rollback_moves
from slipway.tasks.options import ReleasedOptions
from slipway.tasks.process import is_terminal
from slipway.tasks.release import locked, records_of
from slipway.tasks.session import Session
from slipway.tasks.signing import verified


def run_list(session: Session) -> None:
    """Show all releases, newest version first. Raises RegistryError."""
    records = records_of(session)
    found = records.all()
    if session.json:
        session.answer([{"digest": one.digest, **_summary(one.record)} for one in found])
        return
    rows = [
        (one.record.version, one.digest[:19], f"{len(one.record.images)} images", _source(one.record)) for one in found
    ]
    session.console.table(rows)
    if not found:
        session.note(f"{records.repository} has no record of a release")


def run_show(session: Session, options: ReleasedOptions) -> None:
    """Show the record of a release. Raises UsageError when there is none, and RegistryError."""
    found = records_of(session).get(_version(session, options))
    record = found.record
    if session.json:
        session.answer({"digest": found.digest, "statement": record.as_json()})
        return
    rows = [
        (image.name, image.digest[:19], size(image.size), ",".join(image.platforms), _tags(image.tags))
        for image in record.images
    ]
    session.console.table(rows)
    tools = " · ".join(f"{name} {version}" for name, version in sorted(record.tools.items()) if version)
    session.console.line(f"{record.version} · {found.digest} · {_source(record)}")
    session.console.line(f"{tools} · {f'after {record.previous[:19]}' if record.previous else 'the first release'}")


def run_verify(session: Session, options: ReleasedOptions) -> None:
    """Verify the signature of a release's record, and compare the record with the registry: tags, manifests, blobs.

    Raises PolicyError when the record is not signed as it must be, and RegistryError with a line for each tag that
    differs.
    """
    version = _version(session, options)
    records = records_of(session)
    found = records.get(version)
    signatures = verified(session, found, records)
    standings = compare(found.record, session.host.registry, holes_of_each)
    if session.json:
        listed = {
            "signatures": [one.as_json() for one in signatures],
            "tags": [one.as_json() for one in standings],
        }
        session.answer({"version": version, "record": found.digest, **listed})
    else:
        session.console.table([("signature", one.state, str(one)) for one in signatures])
        session.console.table([(str(one.reference), one.state, str(one)) for one in standings])
    refuse_differences(version, standings)


def run_rollback(session: Session, options: ReleasedOptions, *, yes: bool, dry_run: bool) -> None:
    """Move the tags of a release to the digests of its record, after the user agrees. No blob moves.

    Raises UsageError when the user does not agree, PolicyError when the record is not signed as it must be,
    RegistryError when the registry has lost content of the release, and MixedReleaseError.
    """
    version = _version(session, options)
    command = f"release-rollback {version}"
    if not (yes or dry_run) and not is_terminal(sys.stdin):
        what = f"{command}: nothing was moved: it needs your consent, and this is not a terminal"
        raise UsageError(what, hint=f"invoke release-rollback {version} --yes; --dry-run shows the tags")
    if not dry_run:
        session.prepare_workspace()
        session.opened.enter_context(locked(session, "push"))
    records = records_of(session)
    found = records.get(version)
    verified(session, found, records)
    standings = compare(found.record, session.host.registry)
    refuse_lost(version, standings)
    moves = rollback_moves(standings)
    if not session.json:
        _show(session, moves, version)
    if moves and not dry_run:
        if not yes and not session.agreed(f"Move {len(moves)} tags?"):
            raise UsageError(f"{command}: nothing was moved", hint=f"invoke release-rollback {version} --yes")
        with session.record() as record:
            moves = roll_back(version, moves, session.host.registry, record)
            record.write("run.json", {"run": record.id, "command": "release-rollback", "version": version, "ok": True})
    if session.json:
        tags = [{"reference": str(one.reference), "digest": one.digest, "before": one.before} for one in moves]
        session.answer({"version": version, "record": found.digest, "tags": tags, "dry_run": dry_run})
    elif not dry_run:
        session.console.line(f"{version}: moved {len(moves)} of {len(standings)} tags")


def _version(session: Session, options: ReleasedOptions) -> str:
    return check_tag(options.release, "release") if options.release else session.settings.version("service")


def _show(session: Session, moves: Sequence[TagMove], version: str) -> None:
    session.console.table([(str(one.reference), one.before[:19] or "none", f"-> {one.digest[:19]}") for one in moves])
    if not moves:
        session.note(f"every tag of {version} stands for its digest")


def _source(record: Record) -> str:
    source = record.source
    if not source.revision:
        return "no git revision"
    return f"git {source.revision[:12]}{' and changes' if source.dirty else ''}"


def _summary(record: Record) -> dict[str, object]:
    return {
        "version": record.version,
        "images": len(record.images),
        "source": vars(record.source),
        "previous": record.previous,
    }


def _tags(tags: Sequence[MovedTag]) -> str:
    return ", ".join(tag.name for tag in tags)
