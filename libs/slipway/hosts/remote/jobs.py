"""Run commands on a build host that outlive the client that started them.

A job is a folder on the build host: commands, their input, and the log and exit status of each. It runs in its own
session (setsid), and slipway follows its log. After a lost connection slipway reconnects, and continues the log after
the last line that it received. A client that dies or loses its connection does not end the job. Ctrl-C does.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.core.command import Command, Result
from slipway.core.errors import SshError, SyncError
from slipway.core.streams import OnLine
from slipway.hosts.remote.scripts import script, text
from slipway.hosts.runner import ShouldStop
from slipway.hosts.ssh.connection import LostError, to_shell
from slipway.hosts.ssh.reconnecting import ReconnectingConnection

_STOP_SECONDS = 8.0
#: Seconds for which slipway tries to reconnect to end a job. A user who pressed Ctrl-C must not wait.
_STOP_PATIENCE = 3.0
#: The exit code and message of a command whose job ended without writing its status, in buildx's format.
_KILLED = 137
_GONE = "ERROR: the build ended without an exit status on the build host: killed, or out of time (BUILD_TIMEOUT)"

#: buildx does not start without the agent's socket. After a reconnect slipway creates it again within seconds.
_AWAIT_AGENT = b'n=0; until [ -S ../../agent ] || [ "$n" = 600 ]; do sleep 0.1; n=$((n + 1)); done\n'


@dataclass(frozen=True)
class Job:
    """Hold the ``commands`` of a job, which run in this order. The first that fails is the last.

    ``run``: the run's folder on the build host.
    """

    run: str
    number: int
    commands: tuple[Command, ...]

    @property
    def name(self) -> str:
        return f"jobs/{self.number}"

    @property
    def folder(self) -> str:
        return f"{self.run}/{self.name}"


def alone(start: Command) -> Command:
    """Return the command that starts a job, as it is: nothing has to happen before."""
    return start


@dataclass(frozen=True)
class JobInput:
    """Hold the input of a new job.

    ``secrets``: name → content, in the run's folder ``secrets`` until the job ends. ``seconds``: the job's time limit.
    ``listed``: the listing of the run's files, see ``FileManifest.listed``. ``agent``: whether the job needs the run's
    agent. ``begun_by`` returns the command that makes the run's files, and then starts the job by the given command.
    """

    secrets: Mapping[str, bytes]
    seconds: int
    listed: str
    agent: bool = False
    begun_by: Callable[[Command], Command] = alone


class DiffersError(SyncError):
    """Report that the tree on the build host differs from the manifest. No job was started in it."""

    kind = "tree-differs"


def packed(job: Job, secrets: Mapping[str, bytes], *, agent: bool = False) -> bytes:
    """Return the files that a job needs as a compressed tar archive, with paths from the run's folder."""
    wait = _AWAIT_AGENT if agent else b""
    files = {f"{job.name}/job.sh": Path(__file__).with_name("job.sh").read_bytes()}
    for number, command in enumerate(job.commands, 1):
        # By exec the shell becomes the command and keeps its process id. follow.sh waits for the end of that process.
        files[f"{job.name}/command-{number}"] = b'echo "$$" >step-%d\n%s%s\n' % (number, wait, to_shell(command))
        files[f"{job.name}/input-{number}"] = command.stdin
    files |= {f"secrets/{name}": content for name, content in secrets.items()}
    return _archive(files)


def follow(
    job: Job,
    number: int,
    connection: ReconnectingConnection,
    on_line: OnLine | None = None,
    should_stop: ShouldStop | None = None,
    job_input: JobInput | None = None,
) -> Result:
    """Follow a command of the job until it ends, over as many connections as that takes.

    With ``job_input``, start the job first. Once ``should_stop`` returns True, end the job and return exit code 124.
    Also end the job when this process is interrupted. Raises DiffersError, and SshError when the job cannot be started
    or the host does not return.
    """
    heard = 0

    def count(line: str) -> None:
        nonlocal heard
        heard += 1
        if on_line:
            on_line(line)

    while True:
        listening = script("follow", job.folder, str(number), str(heard + 1))
        try:
            result = connection.listen(
                _begun(job, job_input, listening) if job_input else listening, count, should_stop
            )
        except LostError as lost:
            _wait(job, connection, lost)
            continue
        except BaseException:
            stop(job, connection)
            raise
        if result.exit_code == 124:
            stop(job, connection)
            return result
        said = result.stdout.strip()
        if said == "differs":
            raise DiffersError(f"{job.run}/tree differs", hint="run the same command again")
        if not said and not result.ok:
            words = result.stderr.splitlines()[-1:] or [f"exit code {result.exit_code}"]
            raise SshError(f"ssh {connection.config}: the build cannot start: {words[0]}", hint="invoke remote-check")
        if said.isdigit():
            return Result(int(said), "", result.stderr, result.seconds)
        count(_GONE)
        return Result(_KILLED, "", f"{result.stderr}\n{_GONE}".strip(), result.seconds)


def _begun(job: Job, job_input: JobInput, then: Command) -> Command:
    """Return a command that starts the job unless it has started, and then becomes ``then``.

    This takes one round trip instead of two.
    """
    words = (job.run, job.name, str(job_input.seconds), text("listing"), job_input.listed, *then.argv)
    return job_input.begun_by(script("start", *words, stdin=packed(job, job_input.secrets, agent=job_input.agent)))


def stop(job: Job, connection: ReconnectingConnection) -> None:
    """End the job if it runs, and keep its finished results.

    Raises SshError when the connection is lost and the host does not return within seconds.
    """
    try:
        connection.run(script("stop", job.folder), timeout=_STOP_SECONDS, patience=_STOP_PATIENCE)
    except LostError as lost:
        raise _goes_on(job, connection) from lost


def _wait(job: Job, connection: ReconnectingConnection, lost: LostError) -> None:
    """Reconnect to the host. Raises LostError when it does not return.

    On Ctrl-C, end the job if possible.
    """
    try:
        connection.renew(lost)
    except LostError:
        raise _goes_on(job, connection) from None
    except KeyboardInterrupt:
        stop(job, connection)
        raise


def _goes_on(job: Job, connection: ReconnectingConnection) -> LostError:
    said = f"ssh {connection.config}: the host does not answer; the build on it may still run"
    return LostError(said, hint=f"invoke remote-attach {job.run.rpartition('/')[2]}")


def _archive(files: Mapping[str, bytes]) -> bytes:
    """Return a compressed tar archive whose files only their owner can read."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
