"""Somebody else's tasks.py with slipway's tasks composed in: their tasks behave as under stock Invoke."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.rig.in_process import invoke

FOREIGN = '''
import os, signal
from invoke import Collection, task

@task
def deploy(c, run=False, names=""):
    """Deploy."""
    print("deploy", run, repr(names), c.config.run.dry, c.config.run.echo, c.config.timeouts.command, repr(c.remainder))

@task(iterable=["names"])
def greet(c, names, times=1):
    print("greet", names, times)

@task
def ship(c, version, json=False):
    print("ship", version, json)

@task(optional=["level"])
def log(c, level=None):
    print("log", level)

@task
def migrate(c):
    """Migrate."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print("rolled back", signal.getsignal(signal.SIGTERM), c.config.run.dry, repr(c.remainder))

ns = Collection(deploy, greet, ship, log, migrate)
'''
COMPOSED = {
    "stock": "",
    "below a name": "from slipway.tasks import namespace\nns.add_collection(namespace, 'images')\n",
    "flat": "from slipway.tasks import namespace\nfor task in namespace.tasks.values():\n    ns.add_task(task)\n",
}
LINES = (
    "deploy",
    "deploy oops",
    "deploy --run oops",
    "deploy --names oops deploy",
    "deploy --nope",
    "deploy --name",
    "deploy --names",
    "deplyo",
    "--nope deploy",
    "-R deploy",
    "deploy -R -e -T 5 greet",
    "deploy -- a --b",
    "-T five deploy",
    "greet --names a --names b",
    "greet a",
    "greet --times some",
    "greet -t 2 log",
    "ship",
    "ship v1 deploy",
    "ship v1 v2",
    "ship deploy",
    "log --level deploy",
    "log --level",
    "log -l 3 oops",
    "migrate",
    "migrate oops",
    "--help deploy",
    "--complete -- invoke deploy --na",
    "--complete -- invoke deploy --names",
    "--complete -- invoke ship v1 --js",
    "--complete -- invoke --ec",
)
#: Runs each line of stdin in a process that has loaded the tasks; prints exit code, stdout and stderr of each.
RUNNER = """
import contextlib, io, json, sys
from invoke.program import Program

def ended(line):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            Program(binary_names=["inv", "invoke"]).run(["invoke", *line.split()])
            code = 0
        except SystemExit as left:
            code = left.code
        except Exception as error:
            code = repr(error)
    return [line, code, out.getvalue(), err.getvalue(), sys.dont_write_bytecode]

print(json.dumps([ended(line) for line in json.load(sys.stdin)]))
"""


def endings(folder: Path, kind: str) -> list[Any]:
    folder.mkdir()
    (folder / "tasks.py").write_text(FOREIGN + COMPOSED[kind])
    argv = [sys.executable, "-c", RUNNER]
    done = subprocess.run(argv, cwd=folder, input=json.dumps(LINES), capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


@pytest.mark.process
@pytest.mark.fault("U30")
def test_tasks_of_others_behave_as_under_stock_invoke(tmp_path: Path) -> None:
    """Output, errors, exit codes and completion of a table of command lines, beside slipway and without it."""
    stock = endings(tmp_path / "stock", "stock")
    codes = {line: code for line, code, *_ in stock}
    assert codes["deploy oops"] == 1 and codes["migrate"] == 0, "the table has both"
    for kind in ("below a name", "flat"):
        for expected, ending in zip(stock, endings(tmp_path / kind, kind), strict=True):
            assert ending == expected, kind


@pytest.mark.fault("U30")
@pytest.mark.parametrize(("kind", "config"), [("below a name", "images.config"), ("flat", "config")])
def test_a_task_of_others_after_one_of_ours_finds_its_signals(repository: Path, kind: str, config: str) -> None:
    (repository / "tasks.py").write_text(FOREIGN + COMPOSED[kind])
    done = invoke(config, "migrate", cwd=repository, env=os.environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "rolled back 0 False ''"
    assert done.stdout.startswith("REGISTRY")


@pytest.mark.parametrize(("kind", "prefix"), [("below a name", "images."), ("flat", "")])
def test_ours_among_tasks_of_others_keep_the_contract(repository: Path, kind: str, prefix: str) -> None:
    """Words are names, a task of others ends them, and hints use the name that a task was called by."""
    (repository / "tasks.py").write_text(FOREIGN + COMPOSED[kind])

    def ended(*words: str) -> tuple[int, str, str]:
        done = invoke(*words, cwd=repository, env=os.environ)
        return done.returncode, done.stdout, done.stderr

    assert ended(f"{prefix}plan", "svc-orc", "deploy") == (
        2,
        "",
        "error: svc-orc: matches no image (4 known)\nhint:  did you mean svc-ocr?\n",
    )
    assert ended(f"{prefix}plan", "--verison", "v1") == (
        2,
        "",
        "error: No idea what '--verison' is\nhint:  did you mean --version?\n",
    )
    assert ended(f"{prefix}push", "--resume", "0000") == (
        2,
        "",
        f"error: push --resume 0000: no such push here\nhint:  invoke {prefix}push\n",
    )
