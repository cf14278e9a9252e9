"""The steps of a connection to a build host: which one failed has a code of its own."""

from __future__ import annotations

import base64
import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from slipway.core.command import Result
from slipway.core.destination import Destination
from slipway.core.errors import SshError
from slipway.hosts.ssh.connecting import SshClient, connect
from slipway.hosts.ssh.host_config import User
from slipway.testing.fakes import FakeRun

Serve = Callable[[socket.socket], None]


class Refusing(paramiko.ServerInterface):
    """Refuse every key."""

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"


@contextlib.contextmanager
def serving(serve: Serve) -> Iterator[int]:
    """A server on loopback whose clients ``serve`` gets, one after another."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        serve(client)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.fixture
def host_key(tmp_path: Path) -> paramiko.PKey:
    path = tmp_path / "host_key"
    private = Ed25519PrivateKey.generate()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    path.write_bytes(private.private_bytes(*form))
    return paramiko.PKey.from_path(path)


def client(tmp_path: Path, port: int, known: str = "", more: str = "") -> SshClient:
    """A client whose OpenSSH prints this configuration, and finds ``known`` in its known_hosts."""
    listed = tmp_path / "known_hosts"
    listed.touch()
    printed = (
        f"user me\nhostname 127.0.0.1\nport {port}\nuserknownhostsfile {listed}\nglobalknownhostsfile none\n{more}"
    )
    run = FakeRun({("ssh",): Result(0, printed), ("ssh-keygen",): Result(0, known)})
    return SshClient(run, User(tmp_path, "", 1000, "laptop.example", lambda name: None))


def code(client: SshClient) -> str:
    with pytest.raises(SshError) as caught:
        connect(Destination("builder"), client)
    assert caught.value.hint and "{" not in str(caught.value)
    return caught.value.code


def test_a_port_without_a_server_is_unreachable(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert code(client(tmp_path, port)) == "ssh-unreachable"


def test_another_server_does_not_speak_ssh(tmp_path: Path) -> None:
    with serving(lambda client: client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert code(client(tmp_path, port)) == "ssh-not-ssh"


def test_an_unknown_host_key_and_a_refused_login_have_their_codes(tmp_path: Path, host_key: paramiko.PKey) -> None:
    def serve(client: socket.socket) -> None:
        with contextlib.closing(paramiko.Transport(client)) as transport:
            transport.add_server_key(host_key)
            with contextlib.suppress(paramiko.SSHException, EOFError):
                transport.start_server(server=Refusing())
            transport.join(10)

    known = f"# Host builder found: line 1\nbuilder {host_key.get_name()} "
    known += base64.b64encode(host_key.asbytes()).decode()
    with serving(serve) as port:
        assert code(client(tmp_path, port)) == "ssh-host-key-unknown"
        assert code(client(tmp_path, port, known)) == "ssh-login-refused"


@pytest.mark.process
def test_importing_leaves_logging_as_it_was() -> None:
    look = "import logging, slipway.hosts.ssh.connecting; print(logging.getLogger('paramiko').handlers)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
