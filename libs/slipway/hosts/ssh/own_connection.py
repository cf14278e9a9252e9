"""Run commands over one SSH connection that slipway makes. It closes itself when the host stops answering.

A broken connection ends immediately. A heartbeat detects a connection whose packets vanish, and TCP_USER_TIMEOUT ends
a blocked write.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST
from paramiko.ssh_exception import SSHException

from slipway.core.command import Command, Result
from slipway.core.streams import LineReader, OnLine, Readable, Writable
from slipway.core.threads import start_in_thread
from slipway.hosts.runner import ShouldStop
from slipway.hosts.ssh.connection import (
    ANSWER_SECONDS,
    HEARTBEAT_SECONDS,
    LAST_OUTPUT_SECONDS,
    FullError,
    Show,
    Stream,
    broken_off,
    refused_session,
    to_shell,
)
from slipway.hosts.ssh.host_config import HostConfig
from slipway.hosts.ssh.session import attend

_CHANNEL_SECONDS = 15.0
#: Seconds for which slipway waits for paramiko to notice a loss.
_NOTICE_SECONDS = 0.1


@dataclass(frozen=True)
class _Session:
    """Hold a session that runs a command: see ``session.Session``."""

    channel: paramiko.Channel
    is_lost: Callable[[], bool] = field(repr=False)

    def stdin(self) -> Writable:
        return self.channel.makefile_stdin("wb")

    def stdout(self) -> Readable:
        return self.channel.makefile("rb")

    def stderr(self) -> Readable:
        return self.channel.makefile_stderr("rb")

    def wait(self, seconds: float, /) -> bool:
        return self.channel.status_event.wait(seconds)

    def exit_code(self) -> int:
        if self.channel.exit_status == -1 and self.is_lost():
            raise SSHException("the connection was lost")
        if not self.channel.event_ready:
            raise SSHException("sshd refuses to run a command")
        return self.channel.exit_status


class OwnConnection:
    """Hold a connection that slipway has made: see ``connection.Connection``."""

    is_shared = False

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
        # paramiko ends the channels before ``alive`` turns false.
        self._transport.join(_NOTICE_SECONDS)
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
        self._echo(command)
        began = time.monotonic()
        with self._told(command.label or command.argv[0]):
            channel = self._session()
            try:
                self._request(channel, command)
                exit_code, stdout, stderr = attend(
                    _Session(channel, self.is_lost), command.stdin, on_line, timeout, should_stop
                )
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
                listening.join(LAST_OUTPUT_SECONDS)
                if on_end:
                    channel.status_event.wait(LAST_OUTPUT_SECONDS)
                    on_end(channel.exit_status)
            finally:
                channel.close()

    @contextmanager
    def reach(self, host: str, port: int) -> Iterator[Stream]:
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
            raise refused_session(self.config, error) from None

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

    def _echo(self, command: Command) -> None:
        if self._show:
            self._show(f"{self.config}$ {command}")

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
            raise broken_off(self.config, what, error, alive=self.alive) from None


def set_user_timeout(sock: socket.socket) -> None:
    """Let the kernel end a connection whose data stays unacknowledged for too long (TCP_USER_TIMEOUT, Linux only)."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        sock.setsockopt(socket.IPPROTO_TCP, option, int(ANSWER_SECONDS * 1000))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
