"""The steps of a connection to a build host: the one that failed has a code of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from slipway.core.command import Result
from slipway.core.destination import Destination
from slipway.core.errors import SshError
from slipway.hosts.ssh.client import SshClient
from slipway.hosts.ssh.connecting import connect
from slipway.hosts.ssh.host_config import User
from slipway.testing.fakes import FakeRun


def code(port: int, home: Path) -> str:
    """The code of the error when OpenSSH's configuration names this port on loopback."""
    printed = f"user me\nhostname 127.0.0.1\nport {port}\nuserknownhostsfile none\nglobalknownhostsfile none\n"
    client = SshClient(
        FakeRun({("ssh",): Result(0, printed)}), User(home, "", 1000, "laptop.example", lambda name: None)
    )
    with pytest.raises(SshError) as caught:
        connect(Destination("builder"), client)
    assert caught.value.hint and "{" not in str(caught.value)
    return caught.value.code


def test_a_port_without_a_server_is_unreachable(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert code(port, tmp_path) == "ssh-unreachable"


def test_another_server_does_not_speak_ssh(tmp_path: Path) -> None:
    def answer() -> None:
        client, _ = listener.accept()
        with client:
            client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, daemon=True).start()
        assert code(listener.getsockname()[1], tmp_path) == "ssh-not-ssh"


@pytest.mark.process
def test_importing_leaves_logging_as_it_was() -> None:
    look = "import logging, slipway.hosts.ssh.connecting; print(logging.getLogger('paramiko').handlers)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
