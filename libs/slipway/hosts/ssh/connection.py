"""Define a connection to a build host: it runs commands there, and opens streams to them and to TCP ports.

Two classes are such connections: ``OwnConnection``, which slipway makes, and ``SharedConnection`` over the one that
OpenSSH keeps. This module does not import paramiko, which takes 0.1 s.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from slipway.core.command import Command, Result
from slipway.core.errors import SshError
from slipway.core.streams import OnLine
from slipway.hosts.runner import ShouldStop
from slipway.hosts.ssh.host_config import HostConfig

#: Seconds between heartbeats, and the time limit for an answer. slipway notices vanishing packets within 13 s.
HEARTBEAT_SECONDS = 4.0
ANSWER_SECONDS = 9.0
#: Seconds for which slipway waits for the last output of a command that has ended.
LAST_OUTPUT_SECONDS = 5.0

#: Bytes per send: paramiko copies the rest of a large piece at each step.
PIECE = 32768


#: Shows a command, in a form that a user can type into a shell.
Show = Callable[[str], None]


class Stream(Protocol):
    """Read and write like a socket: a remote command's stdin and stdout, or a TCP connection from the build host."""

    def recv(self, size: int, /) -> bytes: ...
    def sendall(self, data: bytes, /) -> None: ...
    def shutdown(self, how: int, /) -> None: ...


class UnreachedError(SshError):
    """Report a host that did not answer, or an attempt to connect that broke off.

    A later attempt may succeed.
    """

    kind = "ssh-unreachable"


class LostError(SshError):
    """Report a connection that was lost during use.

    A command that ran over it may continue on the build host.
    """

    kind = "ssh-lost"


class FullError(SshError):
    """Report that sshd refuses another session on a connection: it allows MaxSessions, 10 by default."""

    kind = "ssh-sessions-exhausted"


class Connection(Protocol):
    """Hold an authenticated connection until ``close``. Several threads may share it.

    ``is_shared``: it belongs to OpenSSH's master.
    """

    @property
    def config(self) -> HostConfig: ...

    @property
    def alive(self) -> bool: ...

    @property
    def is_shared(self) -> bool: ...

    def is_lost(self) -> bool:
        """Tell whether the connection is lost. Wait up to 0.1 s for a loss that is being noticed."""

    def close(self) -> None: ...

    def run(
        self,
        command: Command,
        on_line: OnLine | None = None,
        timeout: float | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Result:
        """Run ``command`` as ``runner.run`` does, but on the build host.

        The user's login shell runs it, and must understand POSIX quoting. After ``timeout`` seconds, or once
        ``should_stop`` returns True, slipway closes the command's streams and returns exit code 124. The command must
        end when its streams close. Raises LostError when the connection is lost before the command ends, and FullError.
        """

    def stream(
        self,
        command: Command,
        on_line: OnLine | None = None,
        on_end: Callable[[int], object] | None = None,
        on_agent: Callable[[Any], None] | None = None,
    ) -> AbstractContextManager[Stream]:
        """Run ``command`` on the build host, with its stdin and stdout as a stream for the caller.

        ``on_line`` gets each line of stderr. ``on_end`` gets the exit status, −1 when the host reports none.
        ``on_agent``: request that sshd forwards an agent. Each connection to that agent calls it with a channel, in
        the thread that reads all channels. A shared connection cannot forward one: see
        ``ReconnectingConnection.stop_sharing``.
        """

    def reach(self, host: str, port: int) -> AbstractContextManager[Stream]:
        """Open a TCP connection from the build host to ``host``."""


def refused_session(config: HostConfig, cause: object) -> FullError:
    """Return the error of a session that sshd refuses."""
    hint = "MaxSessions 10 or more in sshd_config, on the host"
    return FullError(f"ssh {config}: sshd refuses a session: {cause}", hint=hint)


def broken_off(config: HostConfig, about: str, cause: Exception, *, alive: bool) -> SshError:
    """Return the error of ``about``, which broke off. The connection is lost unless it is ``alive``."""
    if alive:
        return SshError(f"ssh {config}: {about}: {cause}", hint="invoke remote-check")
    return LostError(f"ssh {config}: connection lost during {about}", hint="invoke remote-check")


def to_shell(command: Command) -> bytes:
    """Return a line for a POSIX shell that executes the command in its folder, with its environment."""
    words = shlex.join(command.argv)
    if command.env:
        words = f"env {' '.join(shlex.quote(f'{name}={value}') for name, value in command.env.items())} {words}"
    return os.fsencode(f"cd -- {shlex.quote(command.cwd)} && exec {words}" if command.cwd else f"exec {words}")


def read_line(stream: Stream) -> str:
    """Read the first line of a stream. Return the incomplete line when the stream ends before it."""
    found = b""
    while not found.endswith(b"\n") and (piece := stream.recv(1)):
        found += piece
    return found.decode("utf-8", "replace").strip()
