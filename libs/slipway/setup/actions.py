"""Define and perform setup's actions: each has a title, a reason, and steps that are shown before they run."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from slipway.core.command import Command, Result
from slipway.core.errors import PrerequisiteError
from slipway.core.problems import Known, Table
from slipway.core.threads import start_in_thread
from slipway.core.writing import replaced
from slipway.hosts.runner import RunCommand
from slipway.runs.files import for_owner
from slipway.setup.probe import Ping

#: apt, mmdebstrap and builds end long before this limit, or never.
_STEP_SECONDS = 1200.0
_PULL_SECONDS = 180.0
_LOG_LINES = 5
#: A daemon writes its pid file within this time, in seconds.
_TO_BE_BORN = 3.0
_UNREACHABLE = Known(
    "registry-unreachable",
    r"no such host|connection refused|connection reset|i/o timeout|deadline exceeded|Client\.Timeout|handshake timeout"
    r"|network is unreachable|no route to host|server misbehaving|failure in name resolution",
)
PULLS = Table(
    "an engine, of the pull of a root image",
    (_UNREACHABLE,),
    Known("image-unavailable", hint="PYTHON_IMAGE=<an image that exists and may be pulled> in .env"),
)
_STALE_MIRROR = (
    "this machine's mirror is behind: name a fresh one in /etc/apt; one that is frozen on purpose needs "
    'Acquire::Check-Valid-Until "false" in /etc/apt/apt.conf.d, which is yours to decide'
)
STEPS = Table(
    "a program that setup runs",
    (Known("mirror-stale", "is expired", hint=_STALE_MIRROR),),
    Known("setup-failed", hint="to see it all: {command}"),
)
_AHEAD_OF_CAUSE = re.compile(r"^(?:Error response from daemon|E|ERROR|error|docker): ")


@dataclass(frozen=True)
class Write:
    """Hold a step that writes ``text`` to ``path``, a file of the system."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"write {self.path}:" + "".join(f"\n    {line}".rstrip() for line in self.text.splitlines())


@dataclass(frozen=True)
class SetEnvValue:
    """Hold a step that sets ``name`` in the env file ``path``. The file's other lines stay as they are.

    slipway creates a missing file with mode 0600 and, as root, with its folder's owner.
    """

    path: str
    name: str
    value: str

    def __str__(self) -> str:
        return f"set {self.name}={self.value} in {self.path}"


@dataclass(frozen=True)
class Pull:
    """Hold a step that pulls an image, unless its registry cannot be reached."""

    image: str

    def __str__(self) -> str:
        return f"docker pull {self.image}"


@dataclass(frozen=True)
class WaitFor:
    """Hold a step that waits until the ``engine`` or the ``registry`` answers.

    ``log``: a file that the error quotes when it does not answer. ``alive``: a command that fails once the awaited
    process has ended. Then slipway stops waiting.
    """

    what: str
    seconds: int
    log: str = ""
    alive: Command | None = None

    def __str__(self) -> str:
        return f"wait until the {self.what} answers, at most {self.seconds} s"


@dataclass(frozen=True)
class Together:
    """Hold rows of actions. slipway performs the rows at the same time, and the actions of a row one after another."""

    rows: tuple[tuple[SetupAction, ...], ...]

    def __str__(self) -> str:
        steps = ([step for action in row for step in action.steps] for row in self.rows)
        rows = ("".join(f"\n{_marked(step)}".replace("\n", "\n     ") for step in row) for row in steps)
        return "at the same time:" + "\n   - and:".join(rows)


SetupStep: TypeAlias = Command | Write | SetEnvValue | Pull | WaitFor | Together


@dataclass(frozen=True)
class SetupAction:
    """Hold an action of setup. ``note``: a fact that the user should know before agreeing to it."""

    title: str
    reason: str
    steps: tuple[SetupStep, ...]
    note: str = ""


@dataclass(frozen=True)
class Done:
    """Hold a completed action. ``unreachable``: the reason why an image could not be pulled; empty if there is none."""

    action: SetupAction
    seconds: float
    unreachable: str = ""

    @property
    def line(self) -> str:
        if self.unreachable:
            return f"{self.action.title}: not pulled, {self.unreachable} ({self.seconds:.1f} s)"
        return f"{self.action.title}: done in {self.seconds:.1f} s"


def describe(actions: Sequence[SetupAction]) -> Iterator[str]:
    """Yield the actions as numbered lines, each with its reason, its note and every step."""
    for number, action in enumerate(actions, 1):
        yield f"{number}. {action.title}"
        yield f"   why: {action.reason}"
        if action.note:
            yield f"   {action.note}"
        for step in action.steps:
            yield f"   {_marked(step)}"


def _marked(step: SetupStep) -> str:
    return f"{'$' if isinstance(step, Command | Pull) else '-'} {step}"


def perform(action: SetupAction, run: RunCommand, ping: Ping) -> str:
    """Perform every step of ``action``.

    Returns the reason why an image's registry cannot be reached, or an empty string. Raises PrerequisiteError with the
    cause at the first step that fails. Then the files of its ``Write`` steps are restored.
    """
    written: list[tuple[Path, bytes | None]] = []
    try:
        for step in action.steps:
            match step:
                case Command():
                    _succeed(run(step, timeout=_STEP_SECONDS), action.title, step)
                case Write(path, text):
                    written.append((Path(path), _write(Path(path), text)))
                case SetEnvValue(path, name, value):
                    _choose(Path(path), name, value)
                case Pull(image):
                    if unreachable := judge_pull(image, run(_pull(image), timeout=_PULL_SECONDS)):
                        return unreachable
                case WaitFor():
                    _await(step, run, ping)
                case Together(rows):
                    _perform_together(rows, run, ping)
    except BaseException:
        for file, before in reversed(written):
            _restore(file, before)
        raise
    return ""


def _perform_together(rows: Sequence[Sequence[SetupAction]], run: RunCommand, ping: Ping) -> None:
    """Perform the rows at the same time. Raises the error of the first row that failed, once every row has ended.

    A failed row does not interrupt the others: an interrupted apt leaves packages half installed.
    """

    def follow(row: Sequence[SetupAction]) -> None:
        for action in row:
            perform(action, run, ping)

    first, *others = rows
    beside = [start_in_thread(partial(follow, row)) for row in others]
    try:
        follow(first)
    except PrerequisiteError:
        wait(beside)
        raise
    for other in beside:
        other.result()


def judge_pull(image: str, result: Result) -> str:
    """Return the reason why the registry of ``image`` cannot be reached; empty when the image was pulled.

    Raises PrerequisiteError when the registry answered but did not give the image. This failure is final.
    """
    if result.ok:
        return ""
    if result.exit_code == 124 and "Pulling from" not in result.stdout:
        return f"its registry did not answer within {_PULL_SECONDS:.0f} s"
    if result.exit_code == 124:
        raise PrerequisiteError(
            f"{image}: the pull did not end within {_PULL_SECONDS:.0f} s", hint=f"docker pull {image}"
        )
    cause = _cause(result)
    row = PULLS.find(cause)
    if row is _UNREACHABLE:
        return cause
    raise PrerequisiteError.of([row.problem(image, cause)])


def with_value(text: str, name: str, value: str) -> str:
    """Return ``text`` of an env file with ``name`` set to ``value``.

    The last assignment of ``name`` is replaced. If there is none, a line is added.
    """
    lines = text.splitlines(keepends=True)
    ends = "\r\n" if "\r\n" in text else "\n"
    at = [number for number, line in enumerate(lines) if re.match(rf"\ufeff?{name}=", line)]
    if at:
        lines[at[-1]] = f"{name}={value}{ends}"
    else:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += ends
        lines.append(f"{name}={value}{ends}")
    return "".join(lines)


def _pull(image: str) -> Command:
    return Command(("docker", "pull", image), label=f"docker pull {image}")


def _succeed(result: Result, title: str, command: Command) -> None:
    if result.exit_code == 124:
        raise PrerequisiteError(f"{title}: {command.label} did not end within {_STEP_SECONDS:.0f} s", hint=str(command))
    if not result.ok:
        cause = _cause(result)
        raise PrerequisiteError.of([STEPS.find(cause).problem(f"{title}: {command.label}", cause, command=command)])


def _cause(result: Result) -> str:
    """Return the last lines that a tool marks as errors, or else its last line, or else its exit code."""
    lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
    marked = [_AHEAD_OF_CAUSE.sub("", line) for line in lines if _AHEAD_OF_CAUSE.match(line)]
    return "; ".join(marked[-3:] or lines[-1:]) or f"exit code {result.exit_code}"


def _write(path: Path, text: str) -> bytes | None:
    """Write a file, and return its earlier content; None if the file is new."""
    try:
        before = path.read_bytes() if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o644)
    except OSError as error:
        raise PrerequisiteError(f"{path}: cannot be written: {error.strerror}") from error
    return before


def _restore(path: Path, before: bytes | None) -> None:
    with contextlib.suppress(OSError):
        path.unlink() if before is None else path.write_bytes(before)


def _choose(path: Path, name: str, value: str) -> None:
    """Set ``name`` in an env file, and keep the file's mode and owner."""
    try:
        before = path.read_bytes().decode("utf-8") if path.exists() else ""
        with replaced(path) as scratch:
            with open(scratch, "wb", opener=for_owner) as file:
                file.write(with_value(before, name, value).encode())
            if path.exists():
                scratch.chmod(path.stat().st_mode & 0o777)
            like = (path if path.exists() else path.parent).stat()
            if os.geteuid() == 0:
                os.chown(scratch, like.st_uid, like.st_gid)
    except (OSError, UnicodeDecodeError) as error:
        raise PrerequisiteError(f"{path}: cannot be written: {error}", hint=f"put {name}={value} in it") from error


def _await(step: WaitFor, run: RunCommand, ping: Ping) -> None:
    began = time.monotonic()
    while not _answers(step.what, run, ping):
        waited = time.monotonic() - began
        if waited > step.seconds:
            raise _silent(step, f"does not answer after {step.seconds} s")
        if step.alive and waited > _TO_BE_BORN and not run(step.alive, timeout=5).ok:
            raise _silent(step, f"ended within {waited:.0f} s of its start")
        time.sleep(0.2)


def _silent(step: WaitFor, what: str) -> PrerequisiteError:
    return PrerequisiteError(f"the {step.what} {what}{_last_lines(step.log)}", log=step.log)


def _answers(what: str, run: RunCommand, ping: Ping) -> bool:
    if what == "registry":
        return not ping().problem
    return run(Command(("docker", "version", "--format", "{{.Server.Version}}"), label="ask the engine"), timeout=5).ok


def _last_lines(log: str) -> str:
    try:
        lines = Path(log).read_text("utf-8", "replace").splitlines()[-_LOG_LINES:] if log else []
    except OSError:
        return ""
    return "".join(f"\n       {line}" for line in lines)
