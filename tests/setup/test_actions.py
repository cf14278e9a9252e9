"""The effect of an action, the state after its failure, and the meaning of the end of a pull."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.core.command import Command, Result
from slipway.core.errors import PrerequisiteError
from slipway.registry import NO_ANSWER, Greeting
from slipway.setup.actions import (
    Pull,
    SetEnvValue,
    SetupAction,
    Together,
    WaitFor,
    Write,
    judge_pull,
    perform,
    with_value,
)

OURS = "slipway-python:3.11-bookworm"


@pytest.mark.parametrize(
    "stderr",
    [
        'Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io '
        "on 192.0.2.53:53: no such host",
        'Error response from daemon: Get "https://r.example/v2/": dial tcp 192.0.2.1:443: connect: connection refused',
        'Error response from daemon: Get "https://r.example/v2/": net/http: request canceled while waiting for '
        "connection (Client.Timeout exceeded while awaiting headers)",
        'Error response from daemon: Get "https://r.example/v2/": net/http: TLS handshake timeout',
    ],
)
def test_a_registry_out_of_reach(stderr: str) -> None:
    assert judge_pull("r.example/python", Result(1, stderr=stderr)) == stderr.removeprefix(
        "Error response from daemon: "
    )


@pytest.mark.parametrize(
    "stderr",
    [
        "Error response from daemon: manifest for r.example/python:9 not found: manifest unknown: manifest unknown",
        "Error response from daemon: pull access denied for nope, repository does not exist or may require login",
        'Error response from daemon: Head "https://r.example/v2/p/manifests/9": unauthorized: authentication required',
        'Error response from daemon: Get "https://r.example/v2/": tls: failed to verify certificate: x509: certificate '
        "signed by unknown authority",
        "Error response from daemon: toomanyrequests: You have reached your pull rate limit.",
    ],
)
def test_a_registry_that_answered_is_final(stderr: str) -> None:
    with pytest.raises(PrerequisiteError) as caught:
        judge_pull("r.example/python:9", Result(1, stderr=stderr))
    assert caught.value.message == f"r.example/python:9: {stderr.removeprefix('Error response from daemon: ')}"


def test_a_slow_pull_is_not_a_registry_out_of_reach() -> None:
    assert judge_pull("python:3.12-slim", Result(0)) == ""
    assert judge_pull("python:3.12-slim", Result(124)) == "its registry did not answer within 180 s"
    with pytest.raises(PrerequisiteError, match="did not end within 180 s"):
        judge_pull("python:3.12-slim", Result(124, stdout="3.12-slim: Pulling from library/python\n"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "PYTHON_IMAGE=new\n"),
        ("# mine\nOWNER=acme", "# mine\nOWNER=acme\nPYTHON_IMAGE=new\n"),
        ("PYTHON_IMAGE=old\nOWNER=acme\n", "PYTHON_IMAGE=new\nOWNER=acme\n"),
        ("PYTHON_IMAGE=a\nPYTHON_IMAGE=b\n", "PYTHON_IMAGE=a\nPYTHON_IMAGE=new\n"),
        ("#PYTHON_IMAGE=old\nMY_PYTHON_IMAGE=x\n", "#PYTHON_IMAGE=old\nMY_PYTHON_IMAGE=x\nPYTHON_IMAGE=new\n"),
        ("OWNER=acme\r\nPYTHON_IMAGE=old\r\n", "OWNER=acme\r\nPYTHON_IMAGE=new\r\n"),
    ],
)
def test_one_line_of_the_env_file_changes(before: str, after: str) -> None:
    assert with_value(before, "PYTHON_IMAGE", "new") == after
    assert with_value(after, "PYTHON_IMAGE", "new") == after


Answer = Callable[[Command], Result]


def answering(answer: Answer, ran: list[str]) -> Any:
    def run(command: Command, on_line: object = None, timeout: float | None = None) -> Result:
        ran.append(command.argv[0])
        return answer(command)

    return run


def settled(answer: Answer) -> Answer:
    """``answer`` for the rows; docker answers immediately."""
    return lambda command: Result(0) if command.argv[0] == "docker" else answer(command)


def nobody() -> Greeting:
    return NO_ANSWER


def test_choosing_keeps_mode_and_lines_and_makes_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    action = SetupAction("choose", "because", (SetEnvValue(str(file), "PYTHON_IMAGE", OURS),))
    perform(action, answering(lambda command: Result(0), []), lambda: NO_ANSWER)
    assert (file.read_text(), file.stat().st_mode & 0o777) == (f"PYTHON_IMAGE={OURS}\n", 0o600)
    file.write_text("OWNER=acme # mine\n")
    file.chmod(0o640)
    perform(action, answering(lambda command: Result(0), []), lambda: NO_ANSWER)
    assert (file.read_text(), file.stat().st_mode & 0o777) == (
        f"OWNER=acme # mine\nPYTHON_IMAGE={OURS}\n",
        0o640,
    )
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


def test_a_failed_action_leaves_the_files_as_they_were(tmp_path: Path) -> None:
    new, old = tmp_path / "slipway.sources", tmp_path / "slipway"
    old.write_text("before")
    steps = (Write(str(new), "x"), Write(str(old), "after"), Command(("apt-get", "update"), label="apt-get update"))
    fails = Result(100, stderr="W: noise\nE: Release file for … is expired (invalid since 14d).\n")
    with pytest.raises(PrerequisiteError) as caught:
        perform(SetupAction("install", "why", steps), answering(lambda command: fails, []), lambda: NO_ANSWER)
    assert caught.value.message == "install: apt-get update: Release file for … is expired (invalid since 14d)."
    assert "Check-Valid-Until" in caught.value.hint
    assert not new.exists() and old.read_text() == "before"


def test_rows_run_at_the_same_time() -> None:
    """Each row ends only after the other has started."""
    met = threading.Barrier(2)

    def answer(command: Command) -> Result:
        met.wait(timeout=30)
        return Result(0)

    rows = tuple((SetupAction(name, "why", (Command((name,)),)),) for name in ("apt-get", "mmdebstrap"))
    ran: list[str] = []
    perform(SetupAction("both", "why", (Together(rows), WaitFor("engine", 0))), answering(settled(answer), ran), nobody)
    assert sorted(ran[:2]) == ["apt-get", "mmdebstrap"] and ran[2] == "docker"


@pytest.mark.parametrize(("failing", "kept"), [("apt-get", False), ("mmdebstrap", True)])
def test_a_failed_row_waits_for_the_other_and_restores_its_own_files(failing: str, kept: bool, tmp_path: Path) -> None:
    ended: list[str] = []
    failed = threading.Event()

    def answer(command: Command) -> Result:
        program = command.argv[0]
        if program != failing:
            assert failed.wait(timeout=30)
        failed.set()
        ended.append(program)
        return Result(100 if program == failing else 0, stderr="E: no space left")

    source = tmp_path / "slipway.sources"
    install = SetupAction("install", "why", (Write(str(source), "x"), Command(("apt-get",), label="apt-get")))
    make = SetupAction("make", "why", (Command(("mmdebstrap",), label="mmdebstrap"),))
    both = SetupAction("both", "why", (Together(((install,), (make,))), Command(("never",))))
    with pytest.raises(PrerequisiteError, match=rf"\w+: {failing}: no space left"):
        perform(both, answering(answer, []), nobody)
    assert sorted(ended) == ["apt-get", "mmdebstrap"]
    assert source.exists() is kept


def test_an_engine_that_never_answers_is_reported_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "dockerd.log"
    log.write_text("starting\nfailed to start daemon: no space left on device\n")
    action = SetupAction("start the engine", "why", (WaitFor("engine", 0, str(log)),))
    with pytest.raises(PrerequisiteError, match=r"does not answer after 0 s\n.*starting\n.*no space left") as caught:
        perform(action, answering(lambda command: Result(1), []), lambda: NO_ANSWER)
    assert caught.value.log == str(log)


def test_setup_does_not_wait_for_an_engine_that_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slipway.setup.actions._TO_BE_BORN", -1.0)
    log = tmp_path / "dockerd.log"
    log.write_text("failed to start daemon: no space left on device\n")
    alive = Command(("start-stop-daemon", "--status"))
    ran: list[str] = []
    action = SetupAction("start the engine", "why", (WaitFor("engine", 300, str(log), alive),))
    with pytest.raises(PrerequisiteError, match=r"ended within 0 s of its start\n.*no space left"):
        perform(action, answering(lambda command: Result(3), ran), lambda: NO_ANSWER)
    assert ran == ["docker", "start-stop-daemon"]


def test_a_pull_out_of_reach_ends_the_action_and_says_why() -> None:
    ran: list[str] = []
    refused = Result(1, stderr="Error response from daemon: dial tcp: connection refused")
    action = SetupAction("pull", "why", (Pull("python:3.12-slim"), Command(("never",))))
    assert perform(action, answering(lambda command: refused, ran), lambda: NO_ANSWER) == (
        "dial tcp: connection refused"
    )
    assert ran == ["docker"]
