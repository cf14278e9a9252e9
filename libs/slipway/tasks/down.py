"""Take a system down: its containers and networks go, its volumes stay unless the user says otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from slipway.compose import volumes
from slipway.compose.containers import of_project
from slipway.compose.failures import compose_problem
from slipway.compose.up import take_down
from slipway.core.errors import UpError, UsageError
from slipway.core.units import size
from slipway.runs.lock import lock
from slipway.tasks.options import DownOptions, SystemOptions
from slipway.tasks.session import Session
from slipway.tasks.systems import chosen_file, project_of, talks_to_engine


@talks_to_engine
def run_down(session: Session, chosen: SystemOptions, options: DownOptions, *, yes: bool, dry_run: bool) -> None:
    """Take the system down. Raises UpError when compose cannot remove a part of it."""
    file = chosen_file(session, chosen.names, "down")
    project = project_of(session, file, chosen.project)
    engine = session.host.engine
    doomed = volumes.volumes_of(engine.client, project.name) if options.volumes else ()
    before = [one.name for one in of_project(engine.get, project.name)]
    if dry_run:
        _tell(session, file.system, before, doomed, "would be removed")
        return
    _agree(session, file.system, doomed, yes=yes)
    session.prepare_workspace()
    with lock(session.home, f"up-{project.name}"):
        result = take_down(project, session.run, engine.get)
        if not result.ok:
            problem = compose_problem(result.stderr, file.system, file.files[0])
            raise UpError.of([problem])
        session.host.mounts(project.name, ()).remove()
        if doomed:
            volumes.remove_volumes(engine.client, doomed)
    _tell(session, file.system, before, doomed, "removed")


def _tell(session: Session, system: str, containers: Sequence[str], doomed: Sequence[volumes.Volume], how: str) -> None:
    if session.json:
        session.answer({"system": system, "containers": containers, "volumes": [one.name for one in doomed]})
        return
    kept = "" if doomed else "; its volumes stay"
    told = [f"{len(containers)} containers", *([f"{len(doomed)} volumes"] if doomed else [])]
    session.console.line(f"{system}: {' and '.join(told)} {how}{kept}")


def _agree(session: Session, system: str, doomed: Sequence[volumes.Volume], *, yes: bool) -> None:
    """Ask before volumes are removed. Raises UsageError when the user declines or cannot be asked."""
    if not doomed:
        return
    for one in doomed:
        session.console.note(f"{one.name}  {size(one.size) if one.size >= 0 else 'size unknown'}")
    if yes:
        return
    if not session.console.tty:
        what = f"down {system}: needs your consent, and this is not a terminal"
        raise UsageError(what, hint=f"invoke down {system} --volumes --yes")
    if not session.agreed(f"Remove {'this volume' if len(doomed) == 1 else f'these {len(doomed)} volumes'} for good?"):
        raise UsageError(f"down {system}: declined; nothing was changed", hint=f"invoke down {system}")
