"""Restart services of a system."""

from __future__ import annotations

from dataclasses import replace

from slipway.compose import up
from slipway.compose.changes import Changes
from slipway.compose.containers import looking, of_project
from slipway.compose.report import report_of
from slipway.compose.system import System
from slipway.compose.wait import wait_until_up
from slipway.core.clock import CLOCK
from slipway.core.command import Result
from slipway.core.errors import UsageError
from slipway.core.threads import map_concurrently
from slipway.tasks.options import SystemOptions, WaitOptions
from slipway.tasks.session import Session
from slipway.tasks.systems import (
    chosen_services,
    learn_secrets,
    project_of,
    resolve,
    shown_address,
    system_of,
    talks_to_engine,
)
from slipway.ui.services import service_row

_AT_ONCE = 16
_GRACE_SECONDS = 10


@talks_to_engine
def run_restart(session: Session, chosen: SystemOptions, options: WaitOptions) -> None:
    """Restart the named services, or all, and wait until they are up. Raises UpError when one does not come up."""
    file, services = chosen_services(session, chosen.names, "restart")
    project = project_of(session, file, chosen.project)
    engine = session.host.engine
    found = [one for one in of_project(engine.get, project.name) if not services or one.service in services]
    if not found:
        raise UsageError(f"{file.system}: is not up", hint=f"invoke up {file.system}")
    whole = system_of(session, file, resolve(session, file, project))
    learn_secrets(session, whole)
    restarted = {one.service for one in found}
    part = System(whole.name, whole.config, tuple(one for one in whole.services if one.name in restarted))
    deadline = options.deadline * float(session.settings["SLOWNESS"])
    changes = Changes(engine.stream, project.name, deadline)
    map_concurrently(lambda one: engine.client.api.restart(one.id, timeout=_GRACE_SECONDS), found, at_once=_AT_ONCE)
    with session.console.services(sorted(restarted)) as taker:
        look = looking(engine.get, project.name)
        clock = replace(CLOCK, sleep=changes.wait)
        outcome = wait_until_up(part.services, look, lambda: Result(0), taker.take, deadline, clock=clock)
    if not outcome.ok:
        raise up.failure(outcome, part, file.files[0], engine, deadline)
    shown = shown_address(session)
    rows = [report_of(service, outcome.standings[service.name], engine.get, shown) for service in part.services]
    if session.json:
        session.answer({"system": file.system, "restarted": sorted(restarted)})
    else:
        session.console.table([service_row(row) for row in rows])
