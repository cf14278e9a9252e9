"""Connect to a build host.

One connection carries commands and the API of the host's engine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from socket import socket

from slipway.core.destination import Destination
from slipway.core.errors import SshError
from slipway.core.threads import start_in_thread
from slipway.engine import Endpoint, Engine, FindLogin
from slipway.hosts.remote.preflight import HostFacts, examine, look, refuse_missing
from slipway.hosts.requirements import Check
from slipway.hosts.ssh.client import SshClient
from slipway.hosts.ssh.connection import Connection, Stream
from slipway.hosts.ssh.host_config import HostConfig
from slipway.hosts.ssh.local_forwarding import ENGINE, forward, port_first
from slipway.hosts.ssh.reconnecting import ReconnectingConnection
from slipway.hosts.ssh.sharing import connect_alone, share_or_connect


@dataclass(frozen=True)
class ConnectedHost:
    """Hold a connected build host, its engine, and the preflight probe, which runs in the background (0.2 s).

    ``facts`` and ``checks`` wait for the probe and raise its errors. ``local_rsync``: the version on this machine. A
    failed check alone stops nothing: see ``refuse_missing``.
    """

    name: Destination
    connection: ReconnectingConnection
    engine: Engine
    probe: Future[HostFacts]
    local_rsync: str

    @property
    def facts(self) -> HostFacts:
        return self.probe.result()

    @property
    def checks(self) -> tuple[Check, ...]:
        return examine(self.facts, self.local_rsync)

    def refuse_missing(self) -> None:
        """Raise PrerequisiteError with every missing prerequisite."""
        refuse_missing(self.checks, str(self.name))

    def project(self, registry: str, owner: str) -> str:
        """Return the folder on the build host that holds all runs of a repository.

        Its name is the last part of ``owner`` and a digest of the whole name, ``registry/owner``.
        """
        told = hashlib.sha256(f"{registry}/{owner}".encode()).hexdigest()[:8]
        return f"{self.facts.own}/{PurePosixPath(owner).name}-{told}"

    def way_to(self, host: str, port: int, opened: ExitStack) -> str:
        """Return a socket on this machine that leads from the build host to ``host``.

        It exists until ``opened`` ends.
        """
        return opened.enter_context(forward(lambda client: self.connection.reach(host, port)))

    def ports(self, opened: ExitStack, say: Callable[[str], None]) -> str:
        """Return a socket on this machine that leads to the ports on the build host's loopback.

        It exists until ``opened`` ends. A client sends the port first: digits, then NUL. ``say`` gets a note for each
        port that cannot be reached.
        """

        @contextmanager
        def joined(client: socket) -> Iterator[Stream]:
            port = port_first(client)
            try:
                with self.connection.reach("127.0.0.1", port) as stream:
                    yield stream
            except SshError as error:
                say(f"port {port} on the build host is not reached: {error.message}")
                raise

        return opened.enter_context(forward(joined))


class PendingConnection:
    """Hold a connection to ``name`` that a thread can make in the background.

    ``looked_up``: OpenSSH's configuration of ``name`` for the first attempt. A later one reads it again.
    """

    def __init__(self, name: Destination, client: SshClient, looked_up: Future[HostConfig]) -> None:
        self.name = name
        self._client = client
        self._looked_up = looked_up
        self._started: Future[Connection] | None = None
        self._tried = False

    def start(self) -> None:
        """Begin to connect in the background. Do nothing if a connection was begun before."""
        if self._tried:
            return
        self._tried = True
        # A background thread must not ask for a passphrase: Ctrl-C would leave the terminal without echo.
        silent = replace(self._client, ask=_not_now if self._client.ask else None)
        self._started = start_in_thread(lambda: share_or_connect(self._looked_up.result(), silent))

    def result(self) -> Connection:
        """Return a connection.

        The first call returns the one that ``start`` began, or makes one if ``start`` was not called; it may be shared.
        A later call makes a connection of slipway's own, and so does the first if the background needed a passphrase.
        """
        started, is_first = self._started, not self._tried
        self._started, self._tried = None, True
        if started:
            with suppress(_AskingError):
                return started.result()
        if is_first:
            return share_or_connect(self._looked_up.result(), self._client)
        return connect_alone(self.name, self._client)


class _AskingError(Exception):
    """End a background attempt that needs a passphrase."""


def _not_now(question: str) -> str:
    raise _AskingError


def reach(
    pending: PendingConnection,
    folder: str,
    local_rsync: str,
    logins: FindLogin,
    opened: ExitStack,
    say: Callable[[str], None],
    *,
    lists: bool = False,
) -> ConnectedHost:
    """Wait for the connection, then begin to probe the host in the background.

    ``lists``: also begin to list the engine's images. ``opened`` closes the connection and its sockets. ``say`` gets a
    note when the connection is lost, and when it is restored. Raises the errors of connecting.
    """
    connection = ReconnectingConnection(pending.result, say)
    opened.callback(connection.close)
    way = opened.enter_context(forward(lambda client: connection.stream(ENGINE)))
    engine = Engine(Endpoint(f"unix://{way}", host=str(pending.name)), logins=logins)
    if lists:
        engine.list_ahead()
    probe = start_in_thread(lambda: look(connection.run, folder, engine.info))
    return ConnectedHost(pending.name, connection, engine, probe, local_rsync)
