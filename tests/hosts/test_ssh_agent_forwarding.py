"""Requests to a forwarded agent: a real agent, asked through the relay."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slipway.core.command import Command
from slipway.hosts.remote.jobs import Job, packed
from slipway.hosts.remote.scripts import script
from slipway.hosts.runner import run
from slipway.hosts.ssh.agent_forwarding import relay

if TYPE_CHECKING:
    from tests.rig.agents import Agent

pytestmark = pytest.mark.process


@pytest.fixture
def forwarded(agent: Agent, tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Makes a command that asks the agent through the relay: ``forwarded("ssh-add", "-l")``.

    ``forwarded()`` ends the forwarding first.
    """
    ended = threading.Event()
    place = tmp_path / "forwarded"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    relay(listener.accept()[0], str(agent.socket), ended.is_set)

        def asking(*argv: str) -> Command:
            if not argv:
                ended.set()
            return Command(argv or ("ssh-add", "-l"), env={"SSH_AUTH_SOCK": str(place)})

        threading.Thread(target=serve, daemon=True).start()
        yield asking
        listener.shutdown(socket.SHUT_RDWR)


def signing(agent: Agent, name: str, folder: Path) -> tuple[str, ...]:
    """Have the agent sign with a key that only the agent still has."""
    agent.socket.with_name(name).unlink()
    letter = folder / "letter"
    letter.write_text("dear all")
    return ("ssh-keygen", "-Y", "sign", "-f", str(agent.socket.with_name(f"{name}.pub")), "-n", "file", str(letter))


@pytest.mark.fault("C63")
def test_keys_are_listed_and_sign(agent: Agent, forwarded: Callable[..., Command], tmp_path: Path) -> None:
    shown = agent.add("deploy")
    assert shown in run(forwarded("ssh-add", "-l")).stdout
    assert run(forwarded(*signing(agent, "deploy", tmp_path))).ok
    assert "BEGIN SSH SIGNATURE" in (tmp_path / "letter.sig").read_text()


@pytest.mark.fault("C63")
@pytest.mark.parametrize("change", [("ssh-add", "-D"), ("ssh-add", "-x"), ("ssh-add", "-s", "/lib/none.so")])
def test_nothing_in_the_agent_is_changed(
    agent: Agent, forwarded: Callable[..., Command], change: tuple[str, ...]
) -> None:
    shown = agent.add("deploy")
    secret = {"SSH_ASKPASS": "/bin/echo", "SSH_ASKPASS_REQUIRE": "force"}
    asked = forwarded(*change)
    assert not run(Command(asked.argv, env={**asked.env, **secret})).ok
    assert shown in agent.ask("ssh-add", "-l")


@pytest.mark.fault("C63")
def test_a_key_that_is_bound_to_hosts_does_not_sign(
    agent: Agent, forwarded: Callable[..., Command], tmp_path: Path
) -> None:
    agent.add("host")
    known = agent.socket.with_name("known_hosts")
    known.write_text(f"git.example {agent.socket.with_name('host.pub').read_text()}")
    agent.add("bound", "-H", str(known), "-h", "git.example")
    assert not run(forwarded(*signing(agent, "bound", tmp_path))).ok
    assert not (tmp_path / "letter.sig").exists()


@pytest.mark.fault("C63")
def test_a_request_after_the_end_gets_no_answer(agent: Agent, forwarded: Callable[..., Command]) -> None:
    shown = agent.add("deploy")
    assert not run(forwarded()).ok
    assert shown in agent.ask("ssh-add", "-l")


@pytest.mark.fault("C63")
def test_an_agent_that_is_gone(agent: Agent, forwarded: Callable[..., Command]) -> None:
    agent.socket.rename(agent.socket.with_name("elsewhere"))
    assert not run(forwarded("ssh-add", "-l")).ok


@pytest.mark.fault("C63")
def test_an_agent_that_closes_closes_its_client(tmp_path: Path) -> None:
    """The client's connection is closed, too; slipway makes up no answer."""
    ours, theirs = socket.socketpair()
    with socket.socket(socket.AF_UNIX) as listener, ours:
        listener.bind(str(tmp_path / "agent"))
        listener.listen()
        relaying = threading.Thread(target=relay, args=(theirs, str(tmp_path / "agent"), lambda: False))
        relaying.start()
        ours.sendall(b"\0\0\0\1\x0b")
        connection = listener.accept()[0]
        assert connection.recv(5) == b"\0\0\0\1\x0b"
        connection.close()
        assert ours.recv(1) == b""
        relaying.join(30)


def offered(run_there: Path, socket_there: Path | str, own: str = "") -> subprocess.Popen[str]:
    argv = script("agent", str(run_there), own).argv
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, env={"SSH_AUTH_SOCK": str(socket_there)}, stdin=pipe, stdout=pipe, text=True)


@pytest.mark.fault("C62")
def test_the_newest_connection_s_agent_stays(tmp_path: Path) -> None:
    """The end of an older connection is noticed late, and takes nothing away."""
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        first.bind(str(tmp_path / "first"))
        second.bind(str(tmp_path / "second"))
        with offered(tmp_path, tmp_path / "first") as older, offered(tmp_path, tmp_path / "second") as newer:
            assert older.stdout and newer.stdout
            assert (older.stdout.readline(), newer.stdout.readline()) == ("forwarded\n", "forwarded\n")
            place = tmp_path / "agent"
            newest = place.readlink()
            for one in (older, newer) if newest.name == "second" else (newer, older):
                assert place.readlink() == newest
                one.communicate(timeout=30)
            assert not place.is_symlink()


@pytest.mark.fault("C62")
def test_a_bake_that_begins_between_two_connections_awaits_the_agent(
    tmp_path: Path, until: Callable[..., None]
) -> None:
    """buildx would refuse to start without the socket."""
    job = Job(str(tmp_path), 1, (Command(("test", "-S", "agent"), cwd=str(tmp_path)),))
    subprocess.run(["tar", "-xz"], cwd=tmp_path, input=packed(job, {}, agent=True), check=True)
    place = tmp_path / "jobs/1"
    with subprocess.Popen(["sh", "job.sh"], cwd=place) as running, socket.socket(socket.AF_UNIX) as listener:
        until((place / "step-1").exists, "the beginning of the command")
        listener.bind(str(tmp_path / "agent"))
        assert running.wait(30) == 0
    assert (place / "status-1").read_text() == "0\n"


@pytest.mark.fault("C64")
@pytest.mark.parametrize(("socket_there", "own"), [("", ""), ("/nowhere", ""), ("/run/own", "/run/own")])
def test_a_host_that_forwards_none(tmp_path: Path, socket_there: str, own: str) -> None:
    with offered(tmp_path, socket_there, own) as one:
        assert one.communicate(timeout=30)[0] == "refused\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("C62")
def test_a_link_to_an_agent_that_is_gone_is_swept(tmp_path: Path) -> None:
    """The host went down while a run had one."""
    for name in ("dead", "alive"):
        (tmp_path / "runs" / name / "jobs").mkdir(parents=True)
    (tmp_path / "runs/dead/agent").symlink_to("/nowhere/agent")
    (tmp_path / "runs/alive/agent").symlink_to(tmp_path)
    assert run(script("prepare", str(tmp_path), "new", "3", "true")).ok
    assert not (tmp_path / "runs/dead/agent").is_symlink()
    assert (tmp_path / "runs/alive/agent").is_symlink()
