"""Run commands over one SSH connection to a build host. The connection closes itself when the host stops answering.

A broken connection ends immediately. A heartbeat detects a connection whose packets vanish, and TCP_USER_TIMEOUT ends
a blocked write.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Protocol

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST
from paramiko.ssh_exception import SSHException

from slipway.core.command import Command, Result
from slipway.core.errors import SshError
from slipway.core.streams import LineReader, OnLine, collect, feed
from slipway.core.threads import start_in_thread
from slipway.hosts.runner import ShouldStop
from slipway.hosts.ssh.host_config import HostConfig

#: Seconds between heartbeats, and the time limit for an answer. slipway notices vanishing packets within 13 s.
HEARTBEAT_SECONDS = 4.0
ANSWER_SECONDS = 9.0
_CHANNEL_SECONDS = 15.0
_WATCH_SECONDS = 0.1
_LAST_OUTPUT_SECONDS = 5.0


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


class Connection:
    """Hold an authenticated connection until ``close``. Several threads may share it."""

    def __init__(
        self, config: HostConfig, transport: paramiko.Transport, hang_up: Callable[[], object], show: Show | None = None
    ) -> None:
        """Start the heartbeat of an authenticated ``transport``.

        ``hang_up`` closes the transport. ``show`` gets each command before it runs on the host.
        """
        self.config = config
        self._show = show
        self._transport = transport
        self._hang_up = hang_up
        self._closed = threading.Event()
        self._choosing = threading.Lock()
        #: A session that is opened ahead: the next command need not wait for a round trip.
        self._ahead: Future[paramiko.Channel] | None = None
        self._is_full = False
        threading.Thread(target=self._beat, daemon=True, name=f"heartbeat {config}").start()

    @property
    def alive(self) -> bool:
        return self._transport.is_active()

    def is_lost(self) -> bool:
        """Tell whether the connection is lost.

        paramiko ends the channels before ``alive`` turns false, so wait up to 0.1 s for that.
        """
        self._transport.join(_WATCH_SECONDS)
        return not self.alive

    def close(self) -> None:
        self._closed.set()
        self._hang_up()

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
        end when its streams close. Raises LostError when the connection is lost before the command ends.
        """
        self._echo(command)
        began = time.monotonic()
        with self._told(command.label or command.argv[0]):
            channel = self._session()
            try:
                self._request(channel, command)
                exit_code, stdout, stderr = self._attend(channel, command.stdin, on_line, timeout, should_stop)
            finally:
                channel.close()
        return Result(exit_code, stdout, stderr, time.monotonic() - began)

    @contextmanager
    def stream(
        self,
        command: Command,
        on_line: OnLine | None = None,
        on_end: Callable[[int], object] | None = None,
        on_agent: Callable[[Any], None] | None = None,
    ) -> Iterator[Stream]:
        """Run ``command`` on the build host, with its stdin and stdout as a stream for the caller.

        ``on_line`` gets each line of stderr. ``on_end`` gets the exit status, −1 when the host reports none.
        ``on_agent``: request that sshd forwards an agent. Each connection to that agent calls it with a channel, in
        the thread that reads all channels.
        """
        self._echo(command)
        with self._told(command.label or command.argv[0]):
            channel = self._session()
            try:
                if on_agent:
                    channel.request_forward_agent(on_agent)
                self._request(channel, command)
                stderr = channel.makefile_stderr("rb")
                listening = threading.Thread(target=LineReader(on_line).read, args=(stderr,), daemon=True)
                listening.start()
                yield channel
                listening.join(_LAST_OUTPUT_SECONDS)
                if on_end:
                    channel.status_event.wait(_LAST_OUTPUT_SECONDS)
                    on_end(channel.exit_status)
            finally:
                channel.close()

    @contextmanager
    def reach(self, host: str, port: int) -> Iterator[Stream]:
        """Open a TCP connection from the build host to ``host``."""
        with self._told(f"{host}:{port}"):
            there = (host, port)
            channel = self._transport.open_channel("direct-tcpip", there, ("127.0.0.1", 0), timeout=_CHANNEL_SECONDS)
            try:
                yield channel
            finally:
                channel.close()

    def _session(self) -> paramiko.Channel:
        """Return a session, and open another one ahead.

        sshd counts that one, too. So it is used before a further one is opened, and none is opened ahead once sshd has
        refused one. Raises FullError when sshd refuses the session.
        """
        with self._choosing:
            ahead, self._ahead = self._ahead, None
        found: paramiko.Channel | None = None
        if ahead:
            try:
                found = None if (opened := ahead.result()).closed else opened
            except (SSHException, EOFError, OSError, FullError):
                self._is_full = self.alive
        found = found or self._open()
        with self._choosing:
            if not self._ahead and not self._is_full:
                self._ahead = start_in_thread(self._open)
        return found

    def _open(self) -> paramiko.Channel:
        """Open a session.

        Raises FullError when sshd refuses it. Of several refusals, paramiko gives the cause to one thread alone, so any
        error counts as a refusal while the connection is alive.
        """
        try:
            return self._transport.open_session(timeout=_CHANNEL_SECONDS)
        except SSHException as error:
            if self.is_lost():
                raise
            what = f"ssh {self.config}: sshd refuses a session: {error}"
            raise FullError(what, hint="MaxSessions 10 or more in sshd_config, on the host") from None

    def _request(self, channel: paramiko.Channel, command: Command) -> None:
        """Request that sshd runs ``command``, and do not wait for the answer.

        The command's input can follow immediately. ``Channel.exec_command`` waits for a round trip before that. When
        sshd refuses, paramiko closes the channel and leaves its ``event_ready`` unset.
        """
        request = paramiko.Message()
        request.add_byte(cMSG_CHANNEL_REQUEST)
        request.add_int(channel.remote_chanid)
        request.add_string("exec")
        request.add_boolean(True)
        request.add_string(to_shell(command))
        channel.event_ready = False
        self._transport._send_user_message(request)  # type: ignore[attr-defined]

    @cached_property
    def own_agent(self) -> str:
        """Return SSH_AUTH_SOCK as the build host sets it without sshd.

        Call this before an agent is forwarded. sshd then sets the variable for every command of the connection.
        """
        asked = Command(("sh", "-c", 'echo "${SSH_AUTH_SOCK:-}"'), label="SSH_AUTH_SOCK")
        return self.run(asked, timeout=_CHANNEL_SECONDS).stdout.strip()

    def _echo(self, command: Command) -> None:
        if self._show:
            self._show(f"{self.config}$ {command}")

    def _attend(
        self,
        channel: paramiko.Channel,
        stdin: bytes,
        on_line: OnLine | None,
        timeout: float | None,
        should_stop: ShouldStop | None,
    ) -> tuple[int, str, str]:
        stdout: list[bytes] = []
        stderr = LineReader(on_line, whole=True)
        readers = [
            threading.Thread(target=collect, args=(channel.makefile("rb"), stdout), daemon=True),
            threading.Thread(target=stderr.read, args=(channel.makefile_stderr("rb"),), daemon=True),
            threading.Thread(target=feed, args=(channel.makefile_stdin("wb"), stdin), daemon=True),
        ]
        for reader in readers:
            reader.start()
        deadline = time.monotonic() + timeout if timeout else None
        while not channel.status_event.wait(_WATCH_SECONDS):
            if (deadline and time.monotonic() > deadline) or (should_stop and should_stop()):
                return 124, "", "\n".join(stderr.last)
        if channel.exit_status == -1 and self.is_lost():
            raise SSHException("the connection was lost")
        if not channel.event_ready:
            raise SSHException("sshd refuses to run a command")
        for reader in readers[:2]:
            reader.join(timeout=_LAST_OUTPUT_SECONDS)
        if stderr.broken:
            raise stderr.broken[0]
        return channel.exit_status, b"".join(stdout).decode("utf-8", "replace"), "\n".join(stderr.last)

    def _beat(self) -> None:
        """Send heartbeats until the connection ends.

        Every sshd answers the request, if only with a refusal. Close the connection when an answer does not arrive in
        time.
        """
        while not self._closed.wait(HEARTBEAT_SECONDS) and self.alive:
            asked = threading.Thread(target=self._ask, daemon=True)
            asked.start()
            asked.join(ANSWER_SECONDS)
            if asked.is_alive():
                self._transport.close()

    def _ask(self) -> None:
        with contextlib.suppress(SSHException, EOFError, OSError):
            self._transport.global_request("keepalive@openssh.com", wait=True)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (SSHException, EOFError, OSError) as error:
            if self.alive:
                raise SshError(f"ssh {self.config}: {what}: {error}", hint="invoke remote-check") from None
            raise LostError(f"ssh {self.config}: connection lost during {what}", hint="invoke remote-check") from None


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


def set_user_timeout(sock: socket.socket) -> None:
    """Let the kernel end a connection whose data stays unacknowledged for too long (TCP_USER_TIMEOUT, Linux only)."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        sock.setsockopt(socket.IPPROTO_TCP, option, int(ANSWER_SECONDS * 1000))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
