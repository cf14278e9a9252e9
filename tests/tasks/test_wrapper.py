"""An exception of a task becomes lines and an exit code; never a traceback."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from slipway.core.errors import Problem, RegistryError, SlipwayError
from slipway.secrets.secret import Secret
from slipway.tasks.command_line import CommandLine, command_line
from slipway.tasks.session import Session
from slipway.tasks.wrapper import task

Ended = Callable[..., tuple[int, str, str]]
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def ended(capsys: pytest.CaptureFixture[str]) -> Ended:
    """Runs a task that raises; its exit code and what it left on stdout and stderr."""

    def run(
        raised: BaseException, *, json: bool = False, first: dict[str, object] | None = None, secret: str = ""
    ) -> tuple[int, str, str]:
        def body(session: Session) -> None:
            """Raise."""
            session.redactor.learn([Secret(secret)])
            if first is not None:
                session.answer(first)
            raise raised

        with pytest.raises(Exit) as caught:
            task(body)(Context(), json=json)
        return (caught.value.code, *capsys.readouterr())

    return run


def test_an_error_is_lines_and_its_exit_code(ended: Ended) -> None:
    error = RegistryError("push svc-ocr: connection lost", hint="invoke doctor")
    assert ended(error) == (7, "", "error: push svc-ocr: connection lost\nhint:  invoke doctor\n")


def test_an_error_is_json_too_unless_the_task_has_answered(ended: Ended) -> None:
    error = RegistryError("connection lost")
    code, out, err = ended(error, json=True)
    assert (code, json.loads(out)["error"], err) == (7, "connection lost", "error: connection lost\n")
    assert ended(error, json=True, first={})[1] == "{}\n"


def test_an_interrupt_ends_with_exit_130(ended: Ended) -> None:
    code, out, err = ended(KeyboardInterrupt())
    assert (code, out) == (130, "")
    assert err == "error: interrupted; finished work is kept\nhint:  run the same command to continue\n"


@pytest.mark.parametrize("below", ["", "apps/svc_ocr"])
def test_a_bug_leaves_its_traceback_in_a_file_alone(
    repository: Path, below: str, monkeypatch: pytest.MonkeyPatch, ended: Ended
) -> None:
    monkeypatch.chdir(repository / below)
    code, out, err = ended(ZeroDivisionError("x"))
    assert (code, out) == (1, "")
    assert err.splitlines()[0] == "error: a bug in slipway: ZeroDivisionError"
    log = repository / ".slipway/bug.log"
    assert Path(err.splitlines()[1].removeprefix("log:   ")).resolve() == log
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_bug_is_json_too(repository: Path, monkeypatch: pytest.MonkeyPatch, ended: Ended) -> None:
    monkeypatch.chdir(repository)
    code, out, err = ended(ZeroDivisionError("x"), json=True)
    said = json.loads(out)
    assert (code, said["ok"], said["exit_code"], said["code"]) == (1, False, 1, "bug")
    assert (said["error"], said["log"]) == ("a bug in slipway: ZeroDivisionError", ".slipway/bug.log")
    assert err == "error: a bug in slipway: ZeroDivisionError\nlog:   .slipway/bug.log\n"


@pytest.mark.fault("X08")
def test_no_error_or_traceback_holds_a_secret(repository: Path, monkeypatch: pytest.MonkeyPatch, ended: Ended) -> None:
    """Neither in an error's lines, nor in its JSON, nor in a bug's traceback, whose file was open to all before."""
    value = f"canary-{secrets.token_hex(8)}"
    monkeypatch.chdir(repository)
    hidden = base64.b64encode(f"ann:{value}".encode()).decode()
    _, out, err = ended(RegistryError(f"login with {value}", hint=f"Basic {hidden}"), json=True, secret=value)
    assert json.loads(out)["error"] == "login with ***"
    assert "login with ***" in err and "Basic YW5u" in err
    log = repository / ".slipway/bug.log"
    log.parent.mkdir()
    log.write_text("an earlier bug")
    log.chmod(0o644)
    ended(ValueError(f"no number: {value!r}, {hidden}"), secret=value)
    assert "ValueError: no number: '***', YW5u" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    assert not any(form in out + err + log.read_text() for form in (value, hidden, value.encode().hex()))


def kinds(of: type[SlipwayError] = SlipwayError) -> list[type[SlipwayError]]:
    return [of, *(kind for below in of.__subclasses__() for kind in kinds(below))]


@pytest.mark.fault("X08")
@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: str(kind.__name__))
def test_no_kind_of_error_shows_a_secret(kind: type[SlipwayError], ended: Ended) -> None:
    value = f"canary\x1b-{secrets.token_hex(8)}"
    address = f"https://bob:{value[8:]}@reg.example/x"
    told = [Problem(f"{value}:1", f"{value} is wrong", f"not {value}"), Problem("", address, address)]
    code, out, err = ended(kind.of(told, log=f"{value}.log"), json=True, secret=value)
    assert code == kind.exit_code
    assert value[8:] not in out + err
    assert (err.count("***"), out.count("***")) == (6, 9), "once in each text"


def test_a_bug_outside_any_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: Ended) -> None:
    monkeypatch.chdir(tmp_path)
    assert ended(ZeroDivisionError("x"))[0] == 1
    assert "Traceback" in (tmp_path / ".slipway/bug.log").read_text()


def nothing(session: Session) -> None:
    """Do nothing."""


@pytest.fixture
def chain() -> None:
    """A command line that only slipway's tasks are on."""
    command_line.set(CommandLine(ours=True))


@pytest.mark.fault("X33")
def test_a_bug_where_nothing_can_be_written(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: Ended
) -> None:
    """Its traceback goes to a temporary file; without one, the error names its place in the code."""
    monkeypatch.chdir(repository)
    (repository / ".slipway").write_text("in the way")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, _, err = ended(ZeroDivisionError("x"))
    kept = Path(err.splitlines()[1].removeprefix("log:   "))
    assert (code, kept.parent) == (1, tmp_path)
    assert "Traceback" in kept.read_text() and kept.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "not-there"))
    code, _, err = ended(ZeroDivisionError("x"))
    assert code == 1
    assert err.splitlines()[1].startswith("log:   cannot be written; test_wrapper.py:")


@pytest.mark.parametrize(
    ("signum", "code", "said"),
    [(signal.SIGTERM, 143, "error: ended by SIGTERM; "), (signal.SIGINT, 130, "error: interrupted; ")],
)
def test_a_signal_between_two_tasks_ends_the_chain(
    chain: None, capsys: pytest.CaptureFixture[str], signum: signal.Signals, code: int, said: str
) -> None:
    task(nothing)(Context())
    with pytest.raises(SystemExit) as left:
        signal.raise_signal(signum)
    assert left.value.code == code
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize("raised", [None, RegistryError("x"), KeyboardInterrupt(), ZeroDivisionError()], ids=repr)
def test_after_a_task_the_process_is_as_before(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: BaseException | None
) -> None:
    """Signal handlers, the streams' way with odd text, and Python's way with bytecode."""

    def state() -> tuple[object, ...]:
        handlers = [signal.getsignal(signum) for signum in SIGNALS]
        return (*handlers, sys.stdout.errors, sys.stderr.errors, sys.dont_write_bytecode)

    def body(session: Session) -> None:
        """Raise."""
        inside.append(state())
        if raised:
            raise raised

    inside: list[tuple[object, ...]] = []
    monkeypatch.chdir(repository)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = state()
    with contextlib.suppress(Exit):
        task(body)(Context())
    assert state() == before
    assert inside[0][1:] != before[1:]


@pytest.mark.process
@pytest.mark.fault("U31")
def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """As after ``nohup``, or in the background of a shell; other signals still end the task."""
    script = """
import os, signal
from invoke.context import Context
from slipway.tasks.wrapper import task
@task
def struck(session):
    "Be struck."
    signal.raise_signal(signal.SIGINT)
    print("still there", flush=True)
    signal.raise_signal(signal.SIGTERM)
struck(Context())
"""
    (tmp_path / "script.py").write_text(script)
    shell = f"trap '' INT; exec {shlex.quote(sys.executable)} script.py"
    done = subprocess.run(["sh", "-c", shell], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "still there\n"
    assert "ended by SIGTERM" in done.stderr


@pytest.mark.process
@pytest.mark.parametrize("signum", SIGNALS)
def test_a_signal_while_python_ends_changes_nothing(signum: signal.Signals) -> None:
    """The first registered function is called last: the signal comes when everything else is over."""
    script = f"""
import atexit, os
atexit.register(lambda: print("struck") or os.kill(os.getpid(), {int(signum)}))
from invoke.context import Context
from slipway.tasks.wrapper import task
@task
def nothing(session):
    "Do nothing."
nothing(Context())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "struck\n", "")
