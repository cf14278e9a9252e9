"""A build host that slipway is connected to: one connection carries commands and the API of its engine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from socket import socket

from slipway.core.destination import HostName
from slipway.core.errors import SshError
from slipway.core.threads import start_in_thread
from slipway.engine import Endpoint, Engine, FindLogin
from slipway.hosts.remote.preflight import HostFacts, examine, look, refuse_lacks
from slipway.hosts.requirements import Check
from slipway.hosts.ssh.connection import Connection, Stream
from slipway.hosts.ssh.dialling import Phone, dial
from slipway.hosts.ssh.link import Link
from slipway.hosts.ssh.tunnel import ENGINE, port_first, tunnel


@dataclass(frozen=True)
class ConnectedHost:
    """The preflight probe (0.2 s) runs in the background. ``facts`` and ``checks`` wait for it and raise its errors.

    A check that failed stops nothing by itself: see ``refuse_missing``.
    """

    name: HostName
    link: Link
    engine: Engine
    looked: Future[HostFacts]
    local_rsync: str

    @property
    def facts(self) -> HostFacts:
        return self.looked.result()

    @property
    def checks(self) -> tuple[Check, ...]:
        return examine(self.facts, self.local_rsync)

    def refuse_missing(self) -> None:
        """Raises PrerequisiteError with every prerequisite that is missing."""
        refuse_lacks(self.checks, str(self.name))

    def project(self, registry: str, owner: str) -> str:
        """The folder there of all runs of a repository: its owner's last part, and what tells it from its like."""
        told = hashlib.sha256(f"{registry}/{owner}".encode()).hexdigest()[:8]
        return f"{self.facts.own}/{PurePosixPath(owner).name}-{told}"

    def way_to(self, host: str, port: int, opened: ExitStack) -> str:
        """A socket here whose connections go on from there to ``host``, until ``opened`` ends."""
        return opened.enter_context(tunnel(lambda client: self.link.reach(host, port)))

    def ports(self, opened: ExitStack, say: Callable[[str], None]) -> str:
        """A socket here: whoever names a port (digits, then NUL) goes on to it on the host's loopback, until ``opened``
        ends. ``say`` is told of one that the host does not forward."""

        @contextmanager
        def joined(client: socket) -> Iterator[Stream]:
            port = port_first(client)
            try:
                with self.link.reach("127.0.0.1", port) as stream:
                    yield stream
            except SshError as error:
                say(f"port {port} there is not reached: {error.message}")
                raise

        return opened.enter_context(tunnel(joined))


class Call:
    """A host to be dialled. ``begin`` dials ahead, once, while the caller goes on with something else."""

    def __init__(self, name: HostName, phone: Phone) -> None:
        self.name = name
        self._phone = phone
        self._begun: Future[Connection] | None = None
        self._dialled = False

    def begin(self) -> None:
        if self._dialled:
            return
        self._dialled = True
        # Only who waits may ask for a passphrase: Ctrl-C would end this process and leave the terminal without echo.
        silent = replace(self._phone, ask=_not_now if self._phone.ask else None)
        self._begun = start_in_thread(lambda: dial(self.name, silent))

    def answered(self) -> Connection:
        """The connection that was begun, once; later, or when somebody has to be asked, another one."""
        begun, self._begun, self._dialled = self._begun, None, True
        if begun:
            with suppress(_AskingError):
                return begun.result()
        return dial(self.name, self._phone)


class _AskingError(Exception):
    """A passphrase is wanted."""


def _not_now(question: str) -> str:
    raise _AskingError


def reach(
    call: Call, folder: str, local_rsync: str, logins: FindLogin, opened: ExitStack, say: Callable[[str], None]
) -> ConnectedHost:
    """Connected, and being looked at; ``opened`` ends the connection and the tunnel. ``say`` is told when the link is
    lost and back.

    Raises what dialling raises.
    """
    link = Link(call.answered, say)
    opened.callback(link.close)
    way = opened.enter_context(tunnel(lambda client: link.stream(ENGINE)))
    looked = start_in_thread(lambda: look(link.run, folder))
    engine = Engine(Endpoint(f"unix://{way}", host=str(call.name)), logins=logins)
    return ConnectedHost(call.name, link, engine, looked, local_rsync)
