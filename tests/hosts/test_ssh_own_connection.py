"""The sessions of one connection: sshd allows a number of them, and slipway opens one ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import paramiko
import pytest
from paramiko.ssh_exception import SSHException

from slipway.core.command import Command
from slipway.core.destination import Destination
from slipway.core.errors import SshError
from slipway.hosts.ssh.connection import FullError
from slipway.hosts.ssh.host_config import HostConfig
from slipway.hosts.ssh.own_connection import OwnConnection


class FakeChannel:
    """A session whose command was refused: sshd closed it and told no exit status."""

    remote_chanid, exit_status, event_ready, closed = 0, -1, True, False

    def __init__(self) -> None:
        self.status_event = threading.Event()
        self.status_event.set()

    def makefile(self, mode: str) -> None:
        return None

    makefile_stderr = makefile_stdin = makefile

    def close(self) -> None:
        self.closed = True


class FakeTransport:
    """An sshd that allows ``most`` sessions, and refuses to run a command."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.sent: list[object] = []
        self.opened: list[FakeChannel] = []
        self.refused = 0

    def open_session(self, timeout: float) -> FakeChannel:
        if sum(not channel.closed for channel in self.opened) >= self.most:
            self.refused += 1
            raise SSHException("open failed")
        self.opened.append(FakeChannel())
        return self.opened[-1]

    def _send_user_message(self, message: object) -> None:
        self.sent.append(message)

    def is_active(self) -> bool:
        return True

    def join(self, timeout: float) -> None: ...

    def global_request(self, kind: str, wait: bool) -> None: ...


@pytest.fixture
def connections() -> Iterator[Any]:
    made: list[OwnConnection] = []

    def connection(transport: FakeTransport) -> OwnConnection:
        config = HostConfig(Destination("b"), "b", "me", 22, "b")
        made.append(OwnConnection(config, cast(paramiko.Transport, transport), lambda: None))
        return made[-1]

    yield connection
    for one in made:
        one.close()


def settled(connection: OwnConnection) -> None:
    """Wait for the session that is opened ahead."""
    if connection._ahead:
        connection._ahead.exception()


def test_the_session_that_was_opened_ahead_is_the_next(connections: Any) -> None:
    transport = FakeTransport(10)
    connection = connections(transport)
    first = connection._session()
    settled(connection)
    assert len(transport.opened) == 2
    assert [first, connection._session()] == transport.opened[:2]


def test_the_session_ahead_takes_no_place_from_one_that_is_needed(connections: Any) -> None:
    transport = FakeTransport(3)
    connection = connections(transport)
    found = [connection._session() for _ in range(3)]
    assert found == transport.opened
    with pytest.raises(FullError):
        connection._session()


def test_an_sshd_that_refused_is_asked_for_no_session_ahead(connections: Any) -> None:
    transport = FakeTransport(1)
    connection = connections(transport)
    first = connection._session()
    settled(connection)
    assert transport.refused == 1
    first.close()
    connection._session()
    assert (transport.refused, connection._ahead) == (1, None)


def test_a_session_that_was_closed_meanwhile_is_not_used(connections: Any) -> None:
    transport = FakeTransport(10)
    connection = connections(transport)
    connection._session()
    settled(connection)
    transport.opened[1].close()
    assert not connection._session().closed


def test_a_command_that_sshd_refuses_to_run(connections: Any) -> None:
    transport = FakeTransport(10)
    with pytest.raises(SshError, match="true: sshd refuses to run a command"):
        connections(transport).run(Command(("true",)))
    assert len(transport.sent) == 1
