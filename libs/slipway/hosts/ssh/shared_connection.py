"""Run commands over the connection that OpenSSH keeps from one command to the next (ControlMaster, ControlPersist).

OpenSSH has verified the host key and logged in when it connected. slipway saves both, and the import of paramiko.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from slipway.core.command import Command, Result
from slipway.core.streams import LineReader, OnLine
from slipway.hosts.runner import ShouldStop
from slipway.hosts.ssh.connection import (
    ANSWER_SECONDS,
    HEARTBEAT_SECONDS,
    LAST_OUTPUT_SECONDS,
    Show,
    Stream,
    broken_off,
    refused_session,
    to_shell,
)
from slipway.hosts.ssh.host_config import HostConfig
from slipway.hosts.ssh.multiplexing import Master, RefusedError, Session, readable
from slipway.hosts.ssh.session import attend

_GREETING_SECONDS = 1.0
#: Seconds for which slipway waits for the master to notice a loss.
_NOTICE_SECONDS = 0.1
#: The command whose echo is the answer to a heartbeat.
_ECHO = b"exec cat"


class SharedConnection:
    """Hold a way over the connection of ``master``: see ``connection.Connection``."""

    is_shared = True

    def __init__(self, config: HostConfig, master: Master, show: Show | None = None) -> None:
        """Greet the master and start the heartbeat. Raises OSError when no master answers."""
        self.config = config
        self._master = master
        self._show = show
        self._sessions: set[Session] = set()
        self._changing = threading.Lock()
        self._closed = threading.Event()
        #: Ends when the master ends.
        self._watched = master.greet(_GREETING_SECONDS)
        threading.Thread(target=self._beat, daemon=True, name=f"heartbeat {config}").start()

    @property
    def alive(self) -> bool:
        return not self._closed.is_set() and not readable(self._watched, 0)

    def is_lost(self) -> bool:
        return self._closed.is_set() or readable(self._watched, _NOTICE_SECONDS)

    def close(self) -> None:
        self._closed.set()
        with self._changing:
            sessions, self._sessions = self._sessions, set()
        for session in sessions:
            session.close()
        self._watched.close()

    def run(
        self,
        command: Command,
        on_line: OnLine | None = None,
        timeout: float | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Result:
        began = time.monotonic()
        with self._command(command) as session:
            exit_code, stdout, stderr = attend(session, command.stdin, on_line, timeout, should_stop)
            if exit_code == -1 and self.is_lost():
                raise ConnectionError("the connection was lost")
        return Result(exit_code, stdout, stderr, time.monotonic() - began)

    @contextmanager
    def stream(
        self,
        command: Command,
        on_line: OnLine | None = None,
        on_end: Callable[[int], object] | None = None,
        on_agent: Callable[[Any], None] | None = None,
    ) -> Iterator[Stream]:
        if on_agent:
            raise ValueError("a shared connection forwards no agent")
        with self._command(command) as session:
            listening = threading.Thread(target=LineReader(on_line).read, args=(session.stderr(),), daemon=True)
            listening.start()
            yield session
            listening.join(LAST_OUTPUT_SECONDS)
            if on_end:
                session.wait(LAST_OUTPUT_SECONDS)
                on_end(session.exit_code())

    @contextmanager
    def reach(self, host: str, port: int) -> Iterator[Stream]:
        about = f"{host}:{port}"
        with self._told(about):
            try:
                session = self._master.reach(host, port, ANSWER_SECONDS)
            except RefusedError as error:
                raise ConnectionError(str(error)) from None
            with self._held(session):
                yield session

    @contextmanager
    def _command(self, command: Command) -> Iterator[Session]:
        if self._show:
            self._show(f"{self.config}$ {command}")
        with self._told(command.label or command.argv[0]):
            try:
                session = self._master.run(to_shell(command), ANSWER_SECONDS)
            except RefusedError as error:
                raise refused_session(self.config, error) from None
            with self._held(session):
                yield session

    @contextmanager
    def _held(self, session: Session) -> Iterator[None]:
        """Close the session at the end of the block, or with the connection."""
        with self._changing:
            self._sessions.add(session)
        try:
            if self._closed.is_set():
                raise ConnectionError("the connection is closed")
            yield
        finally:
            with self._changing:
                self._sessions.discard(session)
            session.close()

    @contextmanager
    def _told(self, about: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise broken_off(self.config, about, error, alive=not self.is_lost()) from None

    def _beat(self) -> None:
        """Send heartbeats until the connection ends, the first after some seconds.

        The master answers for itself, so a command on the build host echoes each heartbeat. Close the connection when
        no echo arrives in time. A session that sshd refuses is an answer, too.
        """
        while not self._closed.wait(HEARTBEAT_SECONDS) and self.alive:
            try:
                session = self._master.run(_ECHO, ANSWER_SECONDS)
            except RefusedError:
                continue
            except OSError:
                self.close()
                return
            with contextlib.suppress(OSError), self._held(session):
                while self._echoed(session):
                    if self._closed.wait(HEARTBEAT_SECONDS):
                        return
            self.close()

    @staticmethod
    def _echoed(session: Session) -> bool:
        session.sendall(b".")
        return session.has_output(ANSWER_SECONDS) and bool(session.recv(1))
