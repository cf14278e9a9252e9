"""A build host that slipway is connected to: one connection carries commands and the API of its engine."""

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
from slipway.hosts.remote.preflight import HostFacts, examine, look, refuse_lacks
from slipway.hosts.requirements import Check
from slipway.hosts.ssh.connecting import SshClient, connect
from slipway.hosts.ssh.connection import Connection, Stream
from slipway.hosts.ssh.reconnecting import ReconnectingConnection
from slipway.hosts.ssh.tunnel import ENGINE, port_first, tunnel


@dataclass(frozen=True)
class ConnectedHost:
    """The preflight probe (0.2 s) runs in the background. ``facts`` and ``checks`` wait for it and raise its errors.

    A check that failed stops nothing by itself: see ``refuse_missing``.
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
        """Raises PrerequisiteError with every prerequisite that is missing."""
        refuse_lacks(self.checks, str(self.name))

    def project(self, registry: str, owner: str) -> str:
        """Return the folder of all runs of a repository: its owner's last part, and a digest of its whole name."""
        told = hashlib.sha256(f"{registry}/{owner}".encode()).hexdigest()[:8]
        return f"{self.facts.own}/{PurePosixPath(owner).name}-{told}"

    def way_to(self, host: str, port: int, opened: ExitStack) -> str:
        """Return a socket on this machine that leads from the build host to ``host``, until ``opened`` ends."""
        return opened.enter_context(tunnel(lambda client: self.connection.reach(host, port)))

    def ports(self, opened: ExitStack, say: Callable[[str], None]) -> str:
        """Return a socket on this machine that leads to ports on the host's loopback, until ``opened`` ends.

        A client sends the port first: digits, then NUL. ``say`` gets a note for a port that the host does not forward.
        """

        @contextmanager
        def joined(client: socket) -> Iterator[Stream]:
            port = port_first(client)
            try:
                with self.connection.reach("127.0.0.1", port) as stream:
                    yield stream
            except SshError as error:
                say(f"port {port} there is not reached: {error.message}")
                raise

        return opened.enter_context(tunnel(joined))


class PendingConnection:
    """A connection to ``name``, which a background thread can make while the caller does something else."""

    def __init__(self, name: Destination, client: SshClient) -> None:
        self.name = name
        self._client = client
        self._started: Future[Connection] | None = None
        self._tried = False

    def start(self) -> None:
        """Begin to connect in the background, unless that was done before."""
        if self._tried:
            return
        self._tried = True
        # A background thread must not ask for a passphrase: after Ctrl-C the terminal would stay without echo.
        silent = replace(self._client, ask=_not_now if self._client.ask else None)
        self._started = start_in_thread(lambda: connect(self.name, silent))

    def result(self) -> Connection:
        """Return the connection that ``start`` began, once. Afterwards, or if it needed a passphrase, connect again."""
        started, self._started, self._tried = self._started, None, True
        if started:
            with suppress(_AskingError):
                return started.result()
        return connect(self.name, self._client)


class _AskingError(Exception):
    """A passphrase is wanted."""


def _not_now(question: str) -> str:
    raise _AskingError


def reach(
    pending: PendingConnection,
    folder: str,
    local_rsync: str,
    logins: FindLogin,
    opened: ExitStack,
    say: Callable[[str], None],
) -> ConnectedHost:
    """Wait for the connection, then begin to probe the host in the background.

    ``opened`` closes the connection and its sockets. ``say`` gets a note when the connection is lost, and when it is
    back. Raises the errors of connecting.
    """
    connection = ReconnectingConnection(pending.result, say)
    opened.callback(connection.close)
    way = opened.enter_context(tunnel(lambda client: connection.stream(ENGINE)))
    probe = start_in_thread(lambda: look(connection.run, folder))
    engine = Engine(Endpoint(f"unix://{way}", host=str(pending.name)), logins=logins)
    return ConnectedHost(pending.name, connection, engine, probe, local_rsync)
