"""Reconnect a lost SSH connection with exponential back-off.

There is one connection, and further ones only while sshd allows no more sessions on it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import TypeVar

from slipway.core.clock import CLOCK, Clock
from slipway.core.command import Command, Result
from slipway.core.errors import SshError
from slipway.core.retry import RetryPolicy
from slipway.core.streams import OnLine
from slipway.hosts.runner import ShouldStop
from slipway.hosts.ssh.connection import Connection, FullError, LostError, Stream, UnreachedError
from slipway.hosts.ssh.host_config import HostConfig

#: Seconds for which slipway tries to reconnect.
PATIENCE = 600.0
#: Pauses between attempts to reconnect. ``patience`` limits their total time. Their number has no limit.
RECONNECT = RetryPolicy((0.5, 1.0, 2.0, 4.0, 8.0, 15.0), steady=True, budget=math.inf)

#: The most connections that slipway adds for more sessions.
_MOST_FURTHER = 8

Say = Callable[[str], None]
Used = TypeVar("Used")


class ReconnectingConnection:
    """Run commands and open streams over the current connection. Several threads may share it."""

    def __init__(self, connect: Callable[[], Connection], say: Say, clock: Clock = CLOCK) -> None:
        self._connect = connect
        self._say = say
        self._clock = clock
        self._connection = connect()
        self._further: list[Connection] = []
        self._growing = threading.Lock()
        self._lock = threading.Lock()
        self._closed = False
        self._kept: list[Callable[[Connection], None]] = []

    @property
    def config(self) -> HostConfig:
        return self._connection.config

    @property
    def alive(self) -> bool:
        return self._connection.alive

    @property
    def is_shared(self) -> bool:
        """Tell whether the connection is one that OpenSSH keeps."""
        return self._connection.is_shared

    def run(self, command: Command, timeout: float | None = None, patience: float = PATIENCE) -> Result:
        """Run ``command`` as ``Connection.run`` does. After a lost connection, reconnect and run it again.

        The command must be safe to run twice. ``patience``: the seconds for which slipway tries to reconnect. Raises
        SshError.
        """
        while True:
            try:
                return self._with_room(lambda connection: connection.run(command, timeout=timeout), patience)
            except LostError as lost:
                self.renew(lost, patience)

    def listen(self, command: Command, on_line: OnLine, should_stop: ShouldStop | None) -> Result:
        """Run ``command`` once, as ``Connection.run`` does.

        Raises LostError when the connection is lost before the command ends.
        """
        return self._with_room(lambda connection: connection.run(command, on_line, None, should_stop))

    @contextmanager
    def stream(
        self, command: Command, on_line: OnLine | None = None, on_end: Callable[[int], object] | None = None
    ) -> Iterator[Stream]:
        """Run ``command`` as ``Connection.stream`` does."""
        with ExitStack() as opened:
            yield self._with_room(lambda connection: opened.enter_context(connection.stream(command, on_line, on_end)))

    @contextmanager
    def reach(self, host: str, port: int) -> Iterator[Stream]:
        """Open a TCP connection as ``Connection.reach`` does."""
        with self._up().reach(host, port) as stream:
            yield stream

    def stop_sharing(self) -> None:
        """Replace a shared connection by slipway's own, which can forward an agent.

        Streams that are open over the shared one stay open.
        """
        with self._lock:
            if self._connection.is_shared:
                own = self._connect()
                self._further.append(self._connection)
                self._connection = own

    @contextmanager
    def keep(self, open_over: Callable[[Connection], AbstractContextManager[object]]) -> Iterator[None]:
        """Enter ``open_over`` for the connection, and again for each connection that replaces it.

        If the connection is lost during the first entry, reconnect and enter again. Any other error of the first entry
        is raised. ``say`` gets the error of a later entry, and the connection stays open without that context.
        """
        held = ExitStack()

        def again(connection: Connection) -> None:
            held.close()
            held.enter_context(open_over(connection))

        while True:
            connection = self._up()
            try:
                with self._lock:
                    again(connection)
                    self._kept.append(again)
                break
            except LostError as lost:
                self.renew(lost)
        try:
            yield
        finally:
            with self._lock:
                self._kept.remove(again)
            # Call ``close``, not ``__exit__``: the context would take the caller's error for one of the connection.
            held.close()

    def _with_room(self, use: Callable[[Connection], Used], patience: float = PATIENCE) -> Used:
        """Return the result of ``use`` for the connection, or for a further one if sshd allows no more sessions on it.

        ``use`` raises FullError before it has done anything. Clients of the engine hold a session each, also while they
        are idle, so waiting for the end of another one could take forever.
        """
        tried = [self._up(patience)]
        while True:
            try:
                return use(tried[-1])
            except FullError:
                if len(tried) > _MOST_FURTHER:
                    raise
            tried.append(self._next(tried))

    def _next(self, tried: Collection[Connection]) -> Connection:
        """Return a further connection that is not in ``tried``; a new one when there is none."""
        with self._growing:
            self._further = [further for further in self._further if further.alive]
            found = next((further for further in self._further if further not in tried), None)
            if not found:
                found = self._connect()
                self._further.append(found)
            return found

    def _up(self, patience: float = PATIENCE) -> Connection:
        """Return a connection that seems to be alive. Reconnect first if it is lost."""
        if not self._connection.alive:
            self.renew(self._lost(), patience)
        return self._connection

    def renew(self, lost: LostError, patience: float = PATIENCE) -> None:
        """Reconnect, with as many attempts as ``patience`` seconds allow.

        Raises ``lost`` when the host does not return in time, or after ``close``. A refusal is raised immediately,
        unchanged.
        """
        with self._lock:
            if self._closed:
                raise lost
            if self._connection.alive:
                return
            self._say("connection lost; jobs on the host go on; reconnecting")
            self._connection.close()
            away: SshError | None = None
            attempts = replace(RECONNECT, within=patience, clock=self._clock).start()
            while attempts.again() and not self._closed:
                try:
                    self._connection = self._connect()
                    self._open_again()
                except (UnreachedError, LostError) as error:
                    self._connection.close()
                    away = error
                    continue
                self._say("connected again")
                return
            raise lost from away

    def _open_again(self) -> None:
        """Enter the contexts of ``keep`` for the new connection.

        Raises LostError when that connection is lost, too.
        """
        for again in self._kept:
            try:
                again(self._connection)
            except LostError:
                raise
            except SshError as error:
                self._say(error.message)

    def check(self) -> None:
        """Raise LostError when the connection is lost."""
        if not self.alive:
            raise self._lost()

    def _lost(self) -> LostError:
        return LostError(f"ssh {self.config}: connection lost", hint="invoke remote-check")

    def close(self) -> None:
        self._closed = True
        for connection in (self._connection, *self._further):
            connection.close()
