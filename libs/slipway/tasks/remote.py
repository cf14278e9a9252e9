"""Show the state of the build host, and list, follow and remove its runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace

from slipway.build.attach import attach, bakes, choose, clean, list_runs
from slipway.build.executor import failure
from slipway.config.environment import surroundings
from slipway.core.errors import UsageError
from slipway.core.image import Image, Stack
from slipway.hosts.remote.agent import forward
from slipway.hosts.requirements import CheckState
from slipway.hosts.ssh.agent_forwarding import NotForwardedError
from slipway.stack.mounts import no_agent
from slipway.tasks.process import is_terminal
from slipway.tasks.results import tell
from slipway.tasks.session import Session


def run_check(session: Session) -> None:
    host = session.remote_host.connected
    login, shared = str(host.connection.config), host.connection.is_shared
    checks = [replace(check, hint=session.typed(check.hint)) for check in host.checks]
    if session.json:
        listed = [vars(check) for check in checks]
        session.answer({"host": str(host.name), "login": login, "shared": shared, "checks": listed})
    else:
        rows = [(check.state, check.name, check.detail, check.hint) for check in checks]
        told = f"{login}, over the connection that ssh keeps" if shared else login
        session.console.table([(CheckState.OK, "login", told, ""), *rows])
    host.refuse_missing()


def run_runs(session: Session) -> None:
    found = list_runs(session.remote_host.ready.connection, session.remote_host.project)
    if session.json:
        session.answer([{**vars(run), "state": run.state} for run in found])
        return
    rows = [(run.id, run.state, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.began))) for run in found]
    session.console.table(rows)


def run_attach(session: Session, wanted: str) -> None:
    """Attach to a run on the build host. Raises BuildError when an image of the run failed."""
    host, project = session.remote_host.ready, session.remote_host.project
    run = choose(list_runs(host.connection, project), wanted)
    folder = f"{project}/runs/{run.id}"
    baked = [image for bake in bakes(host.connection, folder, run) for image in bake]
    images = [image.name for image in baked]
    session.note(f"run {run.id}, {run.state}")
    # The images are the run's own, because the repository may have changed since.
    stack = Stack(tuple(Image(name, "") for name in images))
    session.prepare_workspace()
    with session.record() as record, ExitStack() as opened:
        if run.lives:
            forward_again(session, folder, {name for image in baked for name in image.ssh}, opened)
        with session.console.showing(stack, images) as taker:
            outcomes = attach(host.connection, host.engine, project, run, record, taker.take)
        error = failure(outcomes, record, flag=session.remote_host.flag)
        tell(session, record, outcomes, "remote-attach", error=error)


def forward_again(session: Session, folder: str, mounted: Collection[str], opened: ExitStack) -> None:
    """Forward the agent to a run that mounts it, until ``opened`` ends.

    Where forwarding is impossible, show the reason and continue.
    """
    agent, project = surroundings().ssh_agent, session.settings.project
    for name in sorted(mounted):
        refused = no_agent(agent) if name in project.ssh else f"{project.header()} ssh does not name it"
        if refused:
            session.note(f"ssh {name}: no agent is forwarded, so steps that ask it fail: {refused}")
            return
    try:
        if mounted:
            opened.enter_context(forward(session.remote_host.ready.connection, folder, agent, session.note))
    except NotForwardedError as error:
        session.note(error.message)


def run_clean(session: Session, *, yes: bool, dry_run: bool) -> None:
    """Show the runs that would be removed, and remove them after the user agrees.

    Raises UsageError when the user does not agree. Raises it before any connection when it cannot ask.
    """
    asks = not (yes or dry_run)
    if asks and not is_terminal(sys.stdin):
        hint = "invoke remote-clean --yes; --dry-run shows the runs"
        raise UsageError(
            "remote-clean: nothing was removed: it needs your consent, and this is not a terminal", hint=hint
        )
    host, project = session.remote_host.ready, session.remote_host.project
    if asks:
        looked = clean(host.connection, project, look=True)
        stay = f"; {looked.living} still run and stay" if looked.living else ""
        session.note(f"{host.name}: {looked.runs} runs, {looked.size} in {project}{stay}")
        if looked.runs and not session.agreed("Remove them?"):
            raise UsageError("remote-clean: nothing was removed", hint="invoke remote-clean --yes")
    done = clean(host.connection, project, look=dry_run)
    if session.json:
        session.answer({**vars(done), "folder": project, "dry_run": dry_run})
    else:
        session.console.line(f"{'would remove' if dry_run else 'removed'} {done.runs} runs, {done.size}")
