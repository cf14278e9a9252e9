"""The build host: its state, and its runs."""

from __future__ import annotations

import sys
import time

from slipway.build import check
from slipway.errors import UsageError
from slipway.model import Image, Stack
from slipway.remote.attaching import attach, bakes, choose, clean, runs_there
from slipway.remote.preflight import refuse_lacks
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
        check(outcomes, record, remote=True)


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
