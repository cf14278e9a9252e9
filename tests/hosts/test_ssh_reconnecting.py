"""A lost connection is made again, and which keys are offered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from slipway.core.clock import Clock
from slipway.core.command import Command, Result
from slipway.core.destination import Destination
from slipway.core.errors import SshError
from slipway.hosts.remote.connected import PendingConnection
from slipway.hosts.remote.jobs import Job, follow
from slipway.hosts.ssh.client import SshClient
from slipway.hosts.ssh.connection import Connection, FullError, LostError, UnreachedError
from slipway.hosts.ssh.host_config import HostConfig, User
from slipway.hosts.ssh.keys import keys_to_offer
from slipway.hosts.ssh.reconnecting import ReconnectingConnection
from slipway.testing.fakes import FakeRun

LOGIN = HostConfig(Destination("b"), "10.0.0.1", "me", 22, "10.0.0.1")
ASK = Command(("true",))


class FakeConnection:
    """Answers until it ``dies`` at a command's beginning."""

    def __init__(self, dies: bool = False, sessions: int = 10) -> None:
        self.config = LOGIN
        self.alive = True
        self.is_shared = False
        self.dies = dies
        self.sessions = sessions

    def run(self, command: Command, *more: object, timeout: float | None = None) -> Result:
        if not self.sessions:
            raise FullError("sshd refuses a session", hint="")
        self.sessions -= 1
        if self.dies:
            self.alive = False
            raise LostError("connection lost", hint="")
        return Result(0, "0\n")

    def close(self) -> None:
        self.alive = False


@pytest.fixture
def slept() -> list[float]:
    """How long was waited by ``hurry``."""
    return []


@pytest.fixture
def hurry(slept: list[float]) -> Clock:
    """A clock whose waits take no time."""
    return Clock(now=lambda: sum(slept), sleep=slept.append)


def connections(*answers: FakeConnection | SshError) -> Callable[[], Connection]:
    """Each attempt gets the next answer; the last one stays."""
    ahead = list(answers)

    def connect() -> Connection:
        found = ahead.pop(0) if len(ahead) > 1 else ahead[0]
        if isinstance(found, SshError):
            raise found
        return cast(Connection, found)

    return connect


AWAY = UnreachedError("ssh me@10.0.0.1:22: Connection refused", hint="")


def test_a_repeatable_command_runs_again_after_a_reconnect(slept: list[float], hurry: Clock) -> None:
    said: list[str] = []
    link = ReconnectingConnection(
        connections(FakeConnection(dies=True), AWAY, AWAY, FakeConnection()), said.append, hurry
    )
    assert link.run(ASK).ok
    assert said == ["connection lost; jobs on the host go on; reconnecting", "connected again"]
    assert len(slept) == 3 and slept == sorted(slept), "later and later"


def test_a_host_that_does_not_come_back(slept: list[float], hurry: Clock) -> None:
    link = ReconnectingConnection(connections(FakeConnection(dies=True), AWAY), lambda text: None, hurry)
    with pytest.raises(LostError, match="connection lost"):
        link.run(ASK, patience=60)
    assert 60 <= sum(slept) < 90


def test_a_host_that_refuses_is_not_asked_twice(slept: list[float], hurry: Clock) -> None:
    changed = SshError("its key has changed", hint="")
    link = ReconnectingConnection(connections(FakeConnection(dies=True), changed), lambda text: None, hurry)
    with pytest.raises(SshError, match="key has changed"):
        link.run(ASK)
    assert len(slept) == 1


def test_a_lost_connection_is_reconnected_before_its_use(hurry: Clock) -> None:
    first = FakeConnection()
    link = ReconnectingConnection(connections(first, FakeConnection()), lambda text: None, hurry)
    first.alive = False
    assert link.run(ASK).ok and link.alive


def test_a_further_connection_has_the_sessions_that_sshd_refuses_on_the_first(hurry: Clock) -> None:
    first, second, third = (FakeConnection(sessions=1) for _ in range(3))
    link = ReconnectingConnection(connections(first, second, third), lambda text: None, hurry)
    for _ in range(3):
        assert link.run(ASK).ok
    assert [one.sessions for one in (first, second, third)] == [0, 0, 0]
    second.sessions = 1
    assert link.run(ASK).ok and second.sessions == 0, "an older one is used before a new one is made"
    link.close()
    assert not (first.alive or second.alive or third.alive)


def test_a_further_connection_that_is_lost_is_replaced(hurry: Clock) -> None:
    full, lost, new = FakeConnection(sessions=0), FakeConnection(dies=True), FakeConnection()
    link = ReconnectingConnection(connections(full, lost, new), lambda text: None, hurry)
    assert link.run(ASK).ok and new.sessions == 9


def test_a_host_that_allows_no_session_is_not_asked_forever(hurry: Clock) -> None:
    link = ReconnectingConnection(connections(FakeConnection(sessions=0)), lambda text: None, hurry)
    with pytest.raises(FullError):
        link.run(ASK)


def test_a_connection_of_slipway_s_own_replaces_a_shared_one(hurry: Clock) -> None:
    shared, own = FakeConnection(), FakeConnection()
    shared.is_shared = True
    link = ReconnectingConnection(connections(shared, own), lambda text: None, hurry)
    for _ in range(2):
        link.stop_sharing()
    assert link.run(ASK).ok and (shared.sessions, own.sessions) == (10, 9)
    assert shared.alive, "its streams stay open"
    link.close()
    assert not (shared.alive or own.alive)


class Kept:
    """Something kept over connections: what was opened and ended over which, each called by its number."""

    def __init__(self, *failures: SshError | None) -> None:
        self.failures = list(failures)
        self.seen: list[str] = []
        self.connections: list[Connection] = []

    @contextmanager
    def over(self, connection: Connection) -> Iterator[None]:
        self.connections.append(connection)
        number = len(self.connections)
        if failure := self.failures.pop(0) if self.failures else None:
            if isinstance(failure, LostError):
                connection.close()
            raise failure
        self.seen.append(f"opened {number}")
        try:
            yield
        finally:
            self.seen.append(f"ended {number}")


@pytest.mark.fault("C62")
def test_a_kept_tunnel_is_opened_over_each_connection(hurry: Clock) -> None:
    kept, first = Kept(), FakeConnection()
    link = ReconnectingConnection(connections(first, FakeConnection()), lambda text: None, hurry)
    with link.keep(kept.over):
        assert kept.seen == ["opened 1"]
        first.alive = False
        assert link.run(ASK).ok
        assert kept.seen == ["opened 1", "ended 1", "opened 2"]
    assert kept.seen[3:] == ["ended 2"]
    link.close()


@pytest.mark.fault("C62")
def test_a_connection_that_is_lost_while_something_is_opened_over_it(slept: list[float], hurry: Clock) -> None:
    lost = LostError("connection lost", hint="")
    kept, dead = Kept(lost, None, lost), FakeConnection()
    link = ReconnectingConnection(
        connections(FakeConnection(), dead, FakeConnection(), FakeConnection()), lambda text: None, hurry
    )
    with link.keep(kept.over):
        assert kept.seen == ["opened 2"] and len(slept) == 1
        dead.alive = False
        assert link.run(ASK).ok
        assert kept.seen == ["opened 2", "ended 2", "opened 4"] and len(slept) == 3
    with link.keep(kept.over):
        assert len(slept) == 3


@pytest.mark.fault("C62")
def test_a_refusal_of_a_later_connection_is_reported(hurry: Clock) -> None:
    said: list[str] = []
    refused = SshError("sshd there forwards no agent", hint="")
    kept, first = Kept(None, refused), FakeConnection()
    link = ReconnectingConnection(connections(first, FakeConnection()), said.append, hurry)
    with link.keep(kept.over):
        first.alive = False
        assert link.run(ASK).ok
    assert said[1:] == ["sshd there forwards no agent", "connected again"]
    with pytest.raises(SshError, match="forwards no agent"), link.keep(Kept(refused).over):
        pytest.fail("the first refusal ends it")


def test_an_error_inside_a_kept_tunnel_passes_unchanged() -> None:
    kept = Kept()
    link = ReconnectingConnection(connections(FakeConnection()), lambda text: None)
    with pytest.raises(OSError, match="disk full"), link.keep(kept.over):
        raise OSError("disk full")
    assert kept.seen == ["opened 1", "ended 1"]


def test_the_waiting_thread_asks_for_the_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that asks would leave the terminal without echo when Ctrl-C ends the process."""
    asked: list[threading.Thread] = []

    def connect(name: object, phone: SshClient) -> Connection:
        assert phone.ask
        phone.ask("passphrase of key: ")
        return cast(Connection, FakeConnection())

    monkeypatch.setattr("slipway.hosts.remote.connected.connect_alone", connect)
    monkeypatch.setattr("slipway.hosts.remote.connected.share_or_connect", connect)
    phone = SshClient(FakeRun({}), User(Path("/")), ask=lambda question: mark(asked))
    pending = PendingConnection(Destination("b"), phone, looked_up())
    pending.start()
    assert pending.result().alive
    assert asked == [threading.current_thread()]


def test_a_call_that_was_begun_is_answered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, later = (cast(Connection, FakeConnection()) for _ in range(2))
    monkeypatch.setattr("slipway.hosts.remote.connected.connect_alone", lambda name, phone: later)
    monkeypatch.setattr(
        "slipway.hosts.remote.connected.share_or_connect", lambda config, phone, ready=[ahead]: ready.pop()
    )
    pending = PendingConnection(Destination("b"), SshClient(FakeRun({}), User(Path("/"))), looked_up())
    pending.start()
    pending.start()
    first = pending.result()
    pending.start()
    assert [first, pending.result()] == [ahead, later], "no connection but those that are asked for"


def looked_up() -> Future[HostConfig]:
    found: Future[HostConfig] = Future()
    found.set_result(HostConfig(Destination("b"), "b", "me", 22, "b"))
    return found


def mark(asked: list[threading.Thread]) -> str:
    asked.append(threading.current_thread())
    return "a passphrase"


def test_a_closed_connection_does_not_reconnect(slept: list[float], hurry: Clock) -> None:
    said: list[str] = []
    link = ReconnectingConnection(connections(FakeConnection(dies=True)), said.append, hurry)
    link.close()
    with pytest.raises(LostError, match="connection lost"):
        link.run(ASK)
    assert not said and not slept


def test_a_job_on_an_unreachable_host_gets_the_attach_command(hurry: Clock) -> None:
    link = ReconnectingConnection(connections(FakeConnection(dies=True), AWAY), lambda text: None, hurry)
    with pytest.raises(LostError, match="does not answer") as caught:
        follow(Job("/p/runs/7f3c", 1, ()), 1, link)
    assert caught.value.hint == "invoke remote-attach 7f3c"


def write_key(path: Path, passphrase: bytes = b"") -> Path:
    locked = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, locked)
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(*form))
    return path


def offered(ask: Callable[[str], str] | None, left: list[str], *files: Path) -> Iterator[str]:
    login = HostConfig(Destination("b"), "10.0.0.1", "me", 22, "10.0.0.1", key_files=files)
    return (identity.source for identity in keys_to_offer(login, None, ask, left.append))


def test_a_locked_key_comes_last_and_is_opened_when_its_turn_comes(tmp_path: Path) -> None:
    locked, plain = write_key(tmp_path / "locked", b"sesame"), write_key(tmp_path / "plain")
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "sesame"

    found = offered(ask, [], locked, tmp_path / "absent", plain)
    assert next(found) == str(plain) and asked == []
    assert list(found) == [str(locked)] and asked == [f"passphrase of {locked}: "]


def test_a_locked_key_without_a_passphrase_is_refused(tmp_path: Path) -> None:
    locked = write_key(tmp_path / "locked", b"sesame")
    with pytest.raises(SshError, match="not a terminal") as caught:
        list(offered(None, [], locked))
    assert caught.value.code == "ssh-key-locked"
    with pytest.raises(SshError, match="the passphrase is wrong"):
        list(offered(lambda question: "wrong", [], locked))


def test_a_file_that_is_not_a_key_is_skipped_and_reported(tmp_path: Path) -> None:
    (tmp_path / "odd").write_text("-----BEGIN NONSENSE-----\n")
    left: list[str] = []
    assert list(offered(None, left, tmp_path / "odd", write_key(tmp_path / "plain"))) == [str(tmp_path / "plain")]
    assert len(left) == 1 and left[0].startswith(f"{tmp_path / 'odd'}: ")
