"""Ports of another machine, reached by a socket that leads there."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from slipway.core.errors import UsageError
from slipway.hosts.ssh.local_forwarding import forward, port_first
from slipway.smoke.containers import Spec
from slipway.testing import place
from slipway.testing.container_host import ContainerHost, LocalContainerHost, RemoteContainerHost


@contextlib.contextmanager
def said_back(client: socket.socket) -> Iterator[socket.socket]:
    """Joined to one that greets by the port it was asked for, and closes when it has received a word."""
    port = port_first(client)
    if port == 9:
        raise OSError("nobody there")
    near, far = socket.socketpair()
    with near, far:
        far.sendall(b"port %d" % port)
        far.shutdown(socket.SHUT_WR)
        yield near


def test_each_port_there_has_one_here() -> None:
    with forward(said_back) as ports:
        host = RemoteContainerHost(ports)
        assert host.port(8080) == host.port(8080) != host.port(8081)
        for there in (8080, 8081, 8080):
            with socket.create_connection(("127.0.0.1", host.port(there)), timeout=5) as asked:
                assert asked.makefile().read() == f"port {there}"


def test_a_port_that_is_not_reached_closes_immediately() -> None:
    """Also for a client that speaks first and waits for an answer."""
    with (
        forward(said_back) as ports,
        socket.create_connection(("127.0.0.1", RemoteContainerHost(ports).port(9)), timeout=5) as asked,
    ):
        asked.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert asked.recv(100) == b""


@pytest.mark.parametrize("said", [b"", b"80", b"x\0", b"-1\0", b"\xb2\0"])
def test_a_text_that_is_not_a_port_is_refused(said: bytes) -> None:
    near, far = socket.socketpair()
    with near, far:
        far.sendall(said)
        far.shutdown(socket.SHUT_WR)
        with pytest.raises(OSError, match=r"is not a port|closed the connection"):
            port_first(near)


def test_a_port_of_this_machine_is_itself() -> None:
    assert LocalContainerHost().port(8080) == 8080


def test_a_secret_s_name_is_a_file_s_there_too() -> None:
    spec = Spec("image", "name", "network", "alias", {})
    with contextlib.ExitStack() as opened, pytest.raises(UsageError, match="not a file's name"):
        RemoteContainerHost("").secrets({"../token": "x"}, spec, None, opened)


def test_the_former_names_mean_the_same() -> None:
    assert (place.Here, place.There, place.Place) == (LocalContainerHost, RemoteContainerHost, ContainerHost)
