"""The build host: what leads to it, its state, its runs."""

from __future__ import annotations

import getpass
import os
import pwd
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from slipway.build import check
from slipway.command import Command
from slipway.errors import UsageError
from slipway.hosts import HostName
from slipway.machine.facts import first_version
from slipway.model import Image, Stack
from slipway.remote.attaching import attach, bakes, choose, clean, runs_there
from slipway.remote.host import BuildHost, reach
from slipway.remote.preflight import refuse_lacks
from slipway.runner import Run
from slipway.settings import Settings, surroundings
from slipway.ssh.dialling import Phone
from slipway.tasks.images import tell
from slipway.tasks.invocation import Invocation


def run_check(here: Invocation) -> None:
    host = here.build_host
    login = str(host.link.login)
    if here.json:
        here.answer({"host": str(host.name), "login": login, "checks": [vars(check) for check in host.checks]})
    else:
        rows = [(check.state, check.name, check.detail, check.hint) for check in host.checks]
        here.console.table([("ok", "login", login, ""), *rows])
    refuse_lacks(host.checks, str(host.name))


def run_runs(here: Invocation) -> None:
    found = runs_there(here.reached.link, _project(here))
    if here.json:
        here.answer([{**vars(run), "state": run.state} for run in found])
        return
    rows = [(run.id, run.state, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.began))) for run in found]
    here.console.table(rows)


def run_attach(here: Invocation, wanted: str) -> None:
    """Raises BuildError when an image of the run failed."""
    host, project = here.reached, _project(here)
    run = choose(runs_there(host.link, project), wanted)
    images = [image.name for bake in bakes(host.link, f"{project}/runs/{run.id}", run) for image in bake]
    here.note(f"run {run.id}, {run.state}")
    # The run's own images, whatever the repository holds by now.
    stack = Stack(tuple(Image(name, "") for name in images))
    with here.record() as record:
        with here.console.showing(stack, images) as taker:
            outcomes = attach(host.link, host.engine, project, run, record, taker.take)
        tell(here, record, outcomes, "remote-attach")
        check(outcomes, record)


def run_clean(here: Invocation, *, yes: bool, dry_run: bool) -> None:
    """Raises UsageError when nobody can be asked or the answer is no."""
    host, project = here.reached, _project(here)
    looked = clean(host.link, project, look=True)
    what = f"{host.name}: {looked.runs} runs, {looked.size} in {project}"
    if looked.living:
        what += f"; {looked.living} still run and stay"
    if not (dry_run or yes or not looked.runs) and not _agreed(f"{what}. Remove them?"):
        raise UsageError("nothing was removed", hint="invoke remote-clean --yes")
    done = looked if dry_run else clean(host.link, project, look=False)
    if here.json:
        here.answer({**vars(done), "folder": project, "dry_run": dry_run})
    else:
        here.console.line(f"{'would remove' if dry_run else 'removed'} {done.runs} runs, {done.size}")


def _agreed(question: str) -> bool:
    return sys.stdin.isatty() and input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _project(here: Invocation) -> str:
    return here.reached.project(here.settings.registry, here.settings.owner)


def reached(settings: Settings, run: Run, opened: ExitStack, say: Callable[[str], None]) -> BuildHost:
    """REMOTE_HOST, connected until ``opened`` ends. Raises UsageError when there is none."""
    if not settings["REMOTE_HOST"]:
        raise UsageError("REMOTE_HOST is not set", hint="REMOTE_HOST=me@builder in .env, or --host me@builder")
    name = HostName.parse(settings["REMOTE_HOST"])
    rsync = first_version(run(Command(("rsync", "--version"), label="rsync --version")).stdout)
    return reach(name, settings["REMOTE_PATH"], _phone(settings, run), rsync, opened, say)


def _phone(settings: Settings, run: Run) -> Phone:
    return Phone(
        run=run,
        home=Path(pwd.getpwuid(os.getuid()).pw_dir),  # as OpenSSH, which does not heed HOME
        agent=surroundings().ssh_agent,
        config=str(Path(settings["SSH_CONFIG"]).expanduser()) if settings["SSH_CONFIG"] else "",
        ask=getpass.getpass if sys.stdin.isatty() else None,
    )
