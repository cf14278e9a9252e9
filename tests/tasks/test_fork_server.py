"""The rig's fork server: a command in a fork sees the same as in a process that Python starts."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.rig.fork_server import ForkServer, start_python

pytestmark = pytest.mark.process
TASKS = """
import json, os, signal, sys, tempfile, threading, time
from pathlib import Path
from invoke import task

@task
def tell(c):
    told = {
        "argv": sys.argv,
        "path": sys.path,
        "main": sys.modules["__main__"].__spec__.name,
        "cwd": os.getcwd(),
        "environment": dict(os.environ),
        "temporary": tempfile.gettempdir(),
        "zone": time.tzname,
        "leads": (os.getsid(0), os.getpgrp()) == (os.getpid(), os.getpid()),
        "mask": os.umask(0),
        "signals": {number: str(signal.getsignal(number)) for number in signal.valid_signals()},
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "threads": threading.active_count(),
        "stdin": sys.stdin.read(),
        "files": sorted(int(entry.name) for entry in Path("/proc/self/fd").iterdir() if entry.exists()),
        "streams": [
            (one.encoding, one.errors, one.line_buffering, one.isatty(), one.fileno())
            for one in (sys.stdin, sys.stdout, sys.stderr)
        ],
    }
    print(json.dumps(told))
    print("aside", file=sys.stderr)

@task
def leave(c, code):
    sys.exit(int(code))

@task
def die(c):
    os.kill(os.getpid(), signal.SIGKILL)

@task
def fail(c):
    print("before")
    raise ValueError("a bug")

@task
def spoil(c):
    os.chdir("/")
    os.environ["SPOILED"] = "1"
    sys.path.append("/spoiled")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

@task
def wait(c):
    Path("process").write_text(str(os.getpid()))
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer() as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tasks.py").write_text(TASKS)
    return tmp_path


@pytest.mark.parametrize("line", ["config --json", "plan svc-orc", "--list"])
def test_it_ends_as_a_process_of_python_does(server: ForkServer, repository: Path, line: str) -> None:
    (repository / "tasks.py").write_text("from slipway.tasks import namespace\n")
    expected = start_python(*line.split(), cwd=repository, env=os.environ)
    done = server.invoke(*line.split(), cwd=repository, env=os.environ)
    assert (done.returncode, done.stdout, done.stderr) == (expected.returncode, expected.stdout, expected.stderr)


def test_a_command_sees_the_same_as_a_process_of_python(server: ForkServer, folder: Path) -> None:
    """Also after another one that changed all it could."""
    env = {**os.environ, "TMPDIR": str(folder), "TZ": "Asia/Kolkata", "ODD": "caf\udcff"}
    server.invoke("spoil", cwd=folder, env=os.environ)
    done, expected = (run("tell", cwd=folder, env=env) for run in (server.invoke, start_python))
    assert json.loads(done.stdout) == json.loads(expected.stdout)
    assert (done.returncode, done.stderr) == (expected.returncode, expected.stderr) == (0, "aside\n")


def test_it_imports_from_the_folder_of_the_command(server: ForkServer, tmp_path: Path) -> None:
    for word in ("first", "second"):
        (tmp_path / word).mkdir()
        (tmp_path / word / "helper.py").write_text(f"WORD = '{word}'\n")
        text = "import helper\nfrom invoke import task\n@task\ndef tell(c):\n    print(helper.WORD)\n"
        (tmp_path / word / "tasks.py").write_text(text)
        assert server.invoke("tell", cwd=tmp_path / word, env=os.environ).stdout == f"{word}\n"


@pytest.mark.parametrize(("line", "code"), [("leave 0", 0), ("leave 3", 3), ("die", -9), ("fail", 1)])
def test_an_exit_status_is_that_of_a_process(server: ForkServer, folder: Path, line: str, code: int) -> None:
    done, expected = (run(*line.split(), cwd=folder, env=os.environ) for run in (server.invoke, start_python))
    assert (done.returncode, done.stdout) == (expected.returncode, expected.stdout)
    assert done.returncode == code
    assert done.stderr.splitlines()[-1:] == expected.stderr.splitlines()[-1:]


def test_a_variable_that_python_reads_at_its_start_counts(server: ForkServer, folder: Path) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    streams = json.loads(server.invoke("tell", cwd=folder, env=env).stdout)["streams"]
    assert {encoding for encoding, *_ in streams} == {"ascii"}


def test_commands_run_side_by_side(server: ForkServer, folder: Path) -> None:
    def leave(code: int) -> int:
        return server.invoke("leave", str(code), cwd=folder, env=os.environ).returncode

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(leave, range(8))) == list(range(8))


def test_a_command_that_takes_too_long_is_killed(server: ForkServer, folder: Path, until: Callable[..., None]) -> None:
    written = folder / "process"
    with (folder / "out").open("w") as out:
        with server.begin("wait", cwd=folder, env=os.environ, out=out.fileno(), err=out.fileno()):
            until(lambda: written.exists() and written.read_text(), "the command")
            process = Path("/proc", written.read_text())
            assert process.exists()
        until(lambda: not process.exists(), "its end")
    with pytest.raises(subprocess.TimeoutExpired):
        server.invoke("wait", cwd=folder, env=os.environ, seconds=0)


def test_a_server_ends_with_its_client(folder: Path) -> None:
    with ForkServer() as made:
        assert made.invoke("leave", "7", cwd=folder, env=os.environ).returncode == 7
        server = made.process
    assert server.returncode == 0
