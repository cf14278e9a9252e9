"""A connection that OpenSSH keeps: slipway shares it, notices its loss, and makes its own where it may not share."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from socket import SHUT_WR
from typing import TYPE_CHECKING

import pytest

from slipway.core.command import Command
from slipway.core.destination import Destination
from slipway.core.errors import SshError
from slipway.hosts.runner import run
from slipway.hosts.ssh.client import SshClient, look_up
from slipway.hosts.ssh.connection import FullError, LostError, read_line
from slipway.hosts.ssh.host_config import User
from slipway.hosts.ssh.reconnecting import ReconnectingConnection
from slipway.hosts.ssh.shared_connection import SharedConnection
from slipway.hosts.ssh.sharing import connect_alone, share, share_or_connect

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]
    Until = Callable[..., None]

pytestmark = pytest.mark.integration
BUILDER = Destination("builder")
MARK = "printing-until-its-streams-close"
PRINTING = Command(("sh", "-c", f"echo {MARK} >&2; while sleep 0.05; do echo {MARK}; done"))


@dataclass(frozen=True)
class Kept:
    """The build host with an ssh configuration that keeps connections; their sockets are in ``folder``."""

    host: BuildHost
    folder: Path

    def config(self, name: str = "kept", **options: str) -> str:
        way = {"ControlMaster": "auto", "ControlPersist": "60", "ControlPath": f"{self.folder}/%C"}
        return self.host.options(name, **way, **options)

    def client(self, config: str) -> SshClient:
        return SshClient(run, User(Path.home(), uid=self.folder.stat().st_uid), config=config)

    def shared(self, config: str) -> SharedConnection | None:
        client = self.client(config)
        return share(look_up(BUILDER, client), client)

    def opens(self) -> bool:
        """Have ssh connect and keep its connection. Tell whether it could."""
        return self._ssh("true").returncode == 0

    def asks(self, control: str) -> bool:
        """Send a control command to the process that keeps the connection. Tell whether it answered."""
        return self._ssh(control=control).returncode == 0

    def _ssh(self, *command: str, control: str = "") -> subprocess.CompletedProcess[bytes]:
        argv = ("ssh", "-F", self.config(), *(("-O", control) if control else ()), "builder", *command)
        return subprocess.run(argv, capture_output=True, timeout=30, check=False)


@pytest.fixture
def kept(build_host: BuildHost) -> Iterator[Kept]:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own path is too long for a socket
        made = Kept(build_host, Path(folder))
        yield made
        if list(made.folder.iterdir()):
            made.asks("exit")


@pytest.fixture
def shared(kept: Kept) -> Iterator[SharedConnection]:
    assert kept.opens()
    found = kept.shared(kept.config())
    assert found
    yield found
    found.close()


def test_a_command_over_a_shared_connection(shared: SharedConnection) -> None:
    text, lines = b"x" * 3_000_000, list[str]()
    script = 'cat | wc -c; pwd; echo "$WORD"; echo one >&2; echo two >&2; exit 3'
    command = Command(("sh", "-c", script), cwd="/tmp", env={"WORD": "a b"}, stdin=text)
    result = shared.run(command, on_line=lines.append)
    assert (result.exit_code, result.stdout.split("\n")) == (3, ["3000000", "/tmp", "a b", ""])
    assert lines == ["one", "two"] and result.stderr == "one\ntwo"
    assert len(shared.run(Command(("head", "-c", "3000000", "/dev/zero"))).stdout) == 3_000_000
    assert shared.run(Command(("sh", "-c", "kill -9 $$"))).exit_code == -1
    assert shared.alive


def test_a_command_over_a_shared_connection_ends_with_its_client(
    shared: SharedConnection, kept: Kept, until: Until
) -> None:
    began = threading.Event()
    assert shared.run(PRINTING, lambda line: began.set(), should_stop=began.is_set).exit_code == 124
    assert shared.run(PRINTING, timeout=0.2).exit_code == 124
    until(lambda: MARK not in kept.host.processes(), "the end of the commands")


def test_a_stream_over_a_shared_connection(shared: SharedConnection) -> None:
    ended: list[int] = []
    lines: list[str] = []
    with shared.stream(Command(("sh", "-c", "sort; echo sorted >&2; exit 5")), lines.append, ended.append) as stream:
        stream.sendall(b"b\na\n")
        stream.shutdown(SHUT_WR)
        assert (read_line(stream), read_line(stream), stream.recv(1)) == ("a", "b", b"")
    assert (ended, lines) == ([5], ["sorted"])
    with shared.reach("127.0.0.1", 22) as stream:
        assert read_line(stream).startswith("SSH-2.0-")
    with pytest.raises(SshError, match=r"ssh builder@127\.0\.0\.1:.*: 127\.0\.0\.1:1: "), shared.reach("127.0.0.1", 1):
        pytest.fail("nothing listens there")


def test_sshd_refuses_a_session_on_a_shared_connection(kept: Kept, until: Until) -> None:
    with kept.host.few_sessions(2):
        until(kept.opens, "sshd with its new configuration")
        first = kept.shared(kept.config())
        assert first
        link = ReconnectingConnection(
            iter([first, connect_alone(BUILDER, kept.client(kept.config()))]).__next__, lambda text: None
        )
        with first.stream(Command(("cat",))), first.stream(Command(("cat",))):
            with pytest.raises(FullError, match="sshd refuses a session"):
                first.run(Command(("true",)))
            assert link.run(Command(("echo", "there"))).stdout == "there\n", "over a connection of slipway's own"
        link.close()


@pytest.mark.fault("S33")
def test_a_shared_connection_that_is_cut(kept: Kept, shared: SharedConnection) -> None:
    made = [shared]
    link = ReconnectingConnection(
        lambda: made.pop() if made else connect_alone(BUILDER, kept.client(kept.config())), lambda text: None
    )
    began, cut = threading.Event(), list[bool]()

    def end() -> None:
        assert began.wait(30)
        cut.append(kept.host.cut())

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(LostError, match="connection lost"):
        link.listen(PRINTING, lambda line: began.set(), None)
    ending.join()
    assert cut == [True] and not shared.alive
    assert link.run(Command(("echo", "again"))).stdout == "again\n"
    link.close()


@pytest.mark.fault("S33")
def test_a_shared_connection_that_swallows_everything(kept: Kept, shared: SharedConnection) -> None:
    """OpenSSH's master notices nothing: it has no ServerAliveInterval here."""
    began = threading.Event()

    def pause_until_lost() -> None:
        assert began.wait(30)
        with kept.host.paused():
            for _ in range(300):
                if not shared.alive:
                    break
                threading.Event().wait(0.1)

    pausing = threading.Thread(target=pause_until_lost)
    pausing.start()
    with pytest.raises(LostError, match="connection lost"):
        shared.run(Command(("sh", "-c", "echo running >&2; exec sleep 300")), on_line=lambda line: began.set())
    pausing.join()
    assert began.is_set() and not shared.alive
    assert kept.asks("check")
    kept.host.sh("pkill -f '[s]leep 300' || true")


def test_a_heartbeat_is_echoed_over_a_shared_connection(kept: Kept, shared: SharedConnection, until: Until) -> None:
    until(lambda: "cat" in kept.host.processes().splitlines(), "the command that echoes")
    result = shared.run(Command(("sleep", "5")))
    assert result.ok and shared.alive
    shared.close()
    until(lambda: "cat" not in kept.host.processes().splitlines(), "its end")


def test_a_connection_is_kept_for_the_next_command(kept: Kept, stack: Stack, until: Until) -> None:
    """The second command has no key."""
    repository = stack("shop")
    repository.configure(**kept.host.settings)
    assert repository.json("remote-check", SSH_CONFIG=kept.config())["shared"] is False
    until(lambda: any(kept.folder.iterdir()), "OpenSSH's connection")
    without_key = kept.config("without key", IdentityFile="none")
    assert repository.json("remote-check", SSH_CONFIG=without_key)["shared"] is True
    shown = repository.invoke("remote-check", SSH_CONFIG=without_key).ok().stdout
    assert "over the connection that ssh keeps" in shown
    repository.invoke("build", "svc-sign", "--remote", SSH_CONFIG=without_key).ok()
    assert kept.asks("exit")
    ran = repository.invoke("remote-check", "--json", SSH_CONFIG=without_key).failed(4)
    assert ran.codes == ["ssh-login-refused"]


@pytest.mark.fault("S34")
@pytest.mark.parametrize("problem", ["strict", "revoked", "unknown", "no master"])
def test_a_connection_that_must_not_be_shared(kept: Kept, problem: str, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    line = f"[127.0.0.1]:{kept.host.port} {kept.host.host_key()}\n"
    known.write_text({"revoked": f"{line}@revoked {line}", "unknown": ""}.get(problem, line))
    options = {"StrictHostKeyChecking": "no"} if problem == "strict" else {}
    if problem != "no master":
        assert kept.opens()
    config = kept.config(problem.replace(" ", ""), UserKnownHostsFile=str(known), **options)
    assert kept.shared(config) is None
    if problem in ("strict", "no master"):
        client = kept.client(config)
        own = share_or_connect(look_up(BUILDER, client), client)
        assert not own.is_shared and own.run(Command(("echo", "own"))).stdout == "own\n"
        own.close()
