"""The rig's ``invoke``: it ends as ``python -m invoke`` does, and leaves the test's process as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.in_process import invoke

TASKS = """
import os, signal, sys
import helper
from invoke import Collection, task

@task
def spoil(c):
    os.environ["SPOILED"] = "1"
    os.chdir("/")
    sys.path.append("/spoiled")
    sys.dont_write_bytecode = False
    print("before:", *map(signal.getsignal, (signal.SIGINT, signal.SIGTERM)))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("stdin:", repr(sys.stdin.read()))
    print(helper.WORD, file=sys.stderr, flush=True)
    os.system("echo from a child >&2")
    sys.exit(3)

ns = Collection(spoil)
"""


@pytest.mark.process
@pytest.mark.parametrize("line", ["config --json", "plan svc-orc"])
def test_it_ends_as_a_process_does(repository: Path, line: str) -> None:
    (repository / "tasks.py").write_text("from slipway.tasks import namespace\n")
    argv = [sys.executable, "-m", "invoke", *line.split()]
    expected = subprocess.run(argv, cwd=repository, capture_output=True, text=True)
    done = invoke(*line.split(), cwd=repository, env=os.environ)
    assert (done.returncode, done.stdout, done.stderr) == (expected.returncode, expected.stdout, expected.stderr)


@pytest.mark.process
def test_it_leaves_no_trace(tmp_path: Path) -> None:
    for word in ("first", "second"):
        folder = tmp_path / word
        folder.mkdir()
        (folder / "tasks.py").write_text(TASKS)
        (folder / "helper.py").write_text(f"WORD = '{word}'\n")
        before = state()
        done = invoke("spoil", cwd=folder, env={"PATH": os.defpath})
        assert state() == before
        assert done.returncode == 3
        assert done.stdout == f"before: {signal.default_int_handler} {signal.SIG_DFL}\nstdin: ''\n"
        assert done.stderr == f"{word}\nfrom a child\n"


def state() -> tuple[object, ...]:
    """Return all that a command line may change in its process."""
    return (
        Path.cwd(),
        dict(os.environ),
        sys.path[:],
        dict(sys.modules),
        sys.dont_write_bytecode,
        (sys.stdin, sys.stdout, sys.stderr),
        [os.fstat(number).st_ino for number in range(3)],
        [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)],
    )
