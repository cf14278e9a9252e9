"""The way to a build host and what may stand in it: names, keys, agents, jumps, a link that falls silent."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slipway.core.command import Command
from slipway.core.destination import Destination
from slipway.core.errors import SshError
from slipway.hosts.runner import run
from slipway.hosts.ssh.client import SshClient
from slipway.hosts.ssh.connecting import connect
from slipway.hosts.ssh.connection import Connection, LostError
from slipway.hosts.ssh.host_config import User
from tests.rig.hosts import KIND

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
BUILDER = Destination("builder")


@pytest.fixture
def repository(stack: Stack, build_host: BuildHost) -> Repository:
    made = stack("shop")
    made.configure(**build_host.settings)
    return made


@pytest.fixture
def connected(build_host: BuildHost) -> Iterator[Callable[..., Connection]]:
    """Connect by a configuration: ``connected(config)``; the connections end with the test."""
    made: list[Connection] = []

    def opened(config: str, agent: str = "") -> Connection:
        made.append(connect(BUILDER, SshClient(run, User(Path.home(), agent), config)))
        return made[-1]

    yield opened
    for connection in made:
        connection.close()


def fingerprint(public: str) -> str:
    """As OpenSSH says it."""
    done = subprocess.run(["ssh-keygen", "-l", "-f", "-"], input=public, capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


def new_key(folder: Path, passphrase: str = "") -> Path:
    key = folder / "other key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(key)], check=True, timeout=30)
    return key


def test_a_host_with_all_it_needs(repository: Repository, build_host: BuildHost) -> None:
    answer = repository.json("remote-check")
    assert answer["host"] == "builder" and answer["login"] == f"builder@127.0.0.1:{build_host.port}"
    states = {check["name"]: check["state"] for check in answer["checks"]}
    assert set(states) == {"engine", "buildx", "rsync", "folder", "disk", "clock"}
    assert "missing" not in states.values()
    # Any user of the host may have made the shared folder.
    assert build_host.sh("stat -c %a /var/tmp/slipway") == "1777"
    assert build_host.sh("stat -c '%a %U' /var/tmp/slipway/builder") == "700 builder"


def test_flags_win_over_env(repository: Repository, build_host: BuildHost) -> None:
    user = f"builder@127.0.0.1:{build_host.port}"
    repository.configure(REMOTE_HOST="nowhere.invalid")
    ran = repository.invoke("remote-check", "--host", "builder", "--path", "~/elsewhere").ok()
    assert "/home/builder/elsewhere/builder" in ran.stdout and user in ran.stdout


@pytest.mark.fault("S01")
def test_an_unknown_host_key(repository: Repository, build_host: BuildHost, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("")
    config = build_host.options("unknown", UserKnownHostsFile=str(known), GlobalKnownHostsFile="none")
    shown = fingerprint(build_host.host_key())
    ran = repository.invoke("remote-check", "--json", SSH_CONFIG=config)
    assert ran.failed(4, KIND, shown, "ssh builder").codes == ["ssh-host-key-unknown"]
    assert known.read_text() == ""


@pytest.mark.fault("S02")
def test_a_changed_host_key(repository: Repository, build_host: BuildHost, tmp_path: Path) -> None:
    other = new_key(tmp_path).with_suffix(".pub").read_text()
    known = tmp_path / "known_hosts"
    line = f"[127.0.0.1]:{build_host.port} {other}"
    known.write_text(f"# a comment\n{line}")
    strict = {"UserKnownHostsFile": str(known), "StrictHostKeyChecking": "no"}
    ran = repository.invoke("remote-check", "--json", SSH_CONFIG=build_host.options("changed", **strict))
    ran.failed(4, fingerprint(build_host.host_key()), fingerprint(other), f"{known}:2")
    assert ran.codes == ["ssh-host-key-changed"]
    assert known.read_text() == f"# a comment\n{line}"


def test_a_revoked_host_key(repository: Repository, build_host: BuildHost, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    line = f"[127.0.0.1]:{build_host.port} {build_host.host_key()}\n"
    known.write_text(f"{line}@revoked {line}")
    config = build_host.options("revoked", UserKnownHostsFile=str(known))
    assert repository.invoke("remote-check", "--json", SSH_CONFIG=config).failed(4, f"{known}:2").codes == [
        "ssh-host-key-revoked"
    ]


@pytest.mark.fault("S03")
def test_a_key_the_host_does_not_take(repository: Repository, build_host: BuildHost, tmp_path: Path) -> None:
    key = new_key(tmp_path)
    config = build_host.options("refused", IdentityFile=str(key))
    shown = fingerprint(key.with_suffix(".pub").read_text())
    ran = repository.invoke("remote-check", "--json", SSH_CONFIG=config)
    ran.failed(4, shown, str(key), "publickey", "ssh-copy-id builder")
    assert ran.codes == ["ssh-login-refused"]


@pytest.mark.fault("S04")
def test_an_agent_that_is_not_there(repository: Repository, build_host: BuildHost, tmp_path: Path) -> None:
    """A key file is enough, as for OpenSSH; without one the error names the agent."""
    gone = str(tmp_path / "gone")
    config = build_host.options("agent", IdentityAgent="SSH_AUTH_SOCK")
    repository.invoke("remote-check", SSH_CONFIG=config, SSH_AUTH_SOCK=gone).ok()
    config = build_host.options("agent alone", IdentityAgent="SSH_AUTH_SOCK", IdentityFile="none")
    ran = repository.invoke("remote-check", SSH_CONFIG=config, SSH_AUTH_SOCK=gone)
    ran.failed(4, f"ssh agent {gone} (SSH_AUTH_SOCK): No such file", 'eval "$(ssh-agent)"')


@pytest.mark.fault("S31")
def test_a_key_s_path_may_have_a_variable(repository: Repository, build_host: BuildHost) -> None:
    config = build_host.options("variable", IdentityFile="${KEYS_OF_TESTS}/id_ed25519")
    repository.invoke("remote-check", SSH_CONFIG=config, KEYS_OF_TESTS=str(build_host.folder)).ok()
    repository.invoke("remote-check", SSH_CONFIG=config).failed(2, "ssh configuration of builder: ", "KEYS_OF_TESTS")


@pytest.mark.fault("S32")
def test_a_host_that_a_certificate_vouches_for(repository: Repository, build_host: BuildHost, tmp_path: Path) -> None:
    """The hint leads on: OpenSSH then asks for the host's own key, and keeps it."""
    known = tmp_path / "known_hosts"
    authority = new_key(tmp_path).with_suffix(".pub").read_text()
    known.write_text(f"@cert-authority * {authority}")
    config = build_host.options("signed", UserKnownHostsFile=str(known))
    ran = repository.invoke("remote-check", SSH_CONFIG=config)
    ran.failed(4, f"ssh -o HostKeyAlgorithms={KIND} builder")
    argv = ["ssh", "-F", config, "-o", "StrictHostKeyChecking=accept-new", "-o", f"HostKeyAlgorithms={KIND}", "builder"]
    subprocess.run([*argv, "true"], check=True, capture_output=True, timeout=30)
    repository.invoke("remote-check", SSH_CONFIG=config).ok()


def test_a_key_in_the_agent(repository: Repository, build_host: BuildHost, tmp_path: Path) -> None:
    config = build_host.options("agent", IdentityAgent="SSH_AUTH_SOCK", IdentityFile="none")
    where = str(tmp_path / "agent")
    with subprocess.Popen(["ssh-agent", "-D", "-a", where], stdout=subprocess.DEVNULL) as agent:
        try:
            around = {**os.environ, "SSH_AUTH_SOCK": where}
            argv = ["sh", "-c", 'until [ -S "$SSH_AUTH_SOCK" ]; do sleep 0.05; done; ssh-add "$0"', str(build_host.key)]
            subprocess.run(argv, env=around, check=True, capture_output=True, timeout=30)
            repository.invoke("remote-check", SSH_CONFIG=config, SSH_AUTH_SOCK=where).ok()
            ran = repository.invoke("remote-check", "--json", SSH_CONFIG=config, SSH_AUTH_SOCK="").failed(4)
            assert ran.codes == ["ssh-login-refused"]
        finally:
            agent.terminate()


@pytest.mark.fault("S05")
def test_a_locked_key_without_a_terminal_is_refused(
    repository: Repository, build_host: BuildHost, tmp_path: Path
) -> None:
    key = new_key(tmp_path, "open sesame")
    config = build_host.options("locked", IdentityFile=str(key))
    assert repository.invoke("remote-check", "--json", SSH_CONFIG=config).failed(4, f"ssh-add {key}").codes == [
        "ssh-key-locked"
    ]


def test_a_passphrase_is_asked_for_once(build_host: BuildHost, tmp_path: Path) -> None:
    key = new_key(tmp_path, "open sesame")
    build_host.sh("useradd --create-home --shell /bin/sh locked && usermod --password '*' locked")
    build_host.write("/home/locked/.ssh/authorized_keys", key.with_suffix(".pub").read_text())
    build_host.sh("chown -R locked /home/locked/.ssh")
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "open sesame"

    config = build_host.options("unlocked", User="locked", IdentityFile=str(key))
    client = SshClient(run, User(Path.home()), config=config, ask=ask)
    for _ in range(2):
        connect(BUILDER, client).close()
    assert asked == [f"passphrase of {key}: "]
    wrong = SshClient(run, User(Path.home()), config=config, ask=lambda question: "sesame")
    with pytest.raises(SshError, match="passphrase"):
        connect(BUILDER, wrong)


@pytest.mark.fault("S06")
def test_a_host_name_that_does_not_resolve_is_reported(repository: Repository, build_host: BuildHost) -> None:
    config = build_host.options("name", HostName="builder.invalid")
    ran = repository.invoke("remote-check", "--json", SSH_CONFIG=config)
    assert ran.failed(4, f"builder.invalid:{build_host.port}").codes == ["ssh-name-unknown"]


@pytest.mark.fault("S06")
def test_a_port_where_nothing_listens(repository: Repository, build_host: BuildHost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = str(closed.getsockname()[1])
    config = build_host.options("port", Port=port)
    ran = repository.invoke("remote-check", "--json", SSH_CONFIG=config)
    assert ran.failed(4, f"127.0.0.1:{port}", "refused").codes == ["ssh-unreachable"]


@pytest.mark.fault("S06")
def test_a_port_where_no_ssh_is_spoken(repository: Repository, build_host: BuildHost) -> None:
    to_shell = threading.Event()

    def answer(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            to_shell.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
        config = build_host.options("http", Port=str(listener.getsockname()[1]))
        ran = repository.invoke("remote-check", "--json", SSH_CONFIG=config)
    assert ran.failed(4).codes == ["ssh-not-ssh"]
    assert to_shell.is_set()


@pytest.mark.fault("S07")
def test_a_link_that_swallows_everything(build_host: BuildHost, connected: Callable[..., Connection]) -> None:
    connection = connected(build_host.config)
    assert connection.run(Command(("echo", "before"))).stdout == "before\n"
    began = threading.Event()
    with pytest.raises(LostError, match="connection lost"):
        pausing = threading.Thread(target=_pause_until_lost, args=(build_host, connection, began))
        pausing.start()
        try:
            connection.run(Command(("sh", "-c", "echo running >&2; sleep 300")), on_line=lambda line: began.set())
        finally:
            pausing.join()
    assert began.is_set() and not connection.alive
    build_host.sh("pkill -f '[s]leep 300' || true")


def _pause_until_lost(host: BuildHost, connection: Connection, began: threading.Event) -> None:
    assert began.wait(30)
    with host.paused():
        deadline = threading.Event()
        for _ in range(300):
            if not connection.alive:
                break
            deadline.wait(0.1)


@pytest.mark.fault("S21")
@pytest.mark.parametrize("host", ["-oProxyCommand=touch$IFS{}", "me@-oProxyCommand=touch {}", "[-x]", "a b", "h:0"])
def test_a_host_that_is_an_option(repository: Repository, tmp_path: Path, host: str) -> None:
    mark = tmp_path / "mark"
    repository.invoke("remote-check", f"--host={host.format(mark)}").failed(2, "--host=")
    assert not mark.exists()


@pytest.mark.fault("S25")
def test_a_jump_an_include_and_a_match(repository: Repository, build_host: BuildHost, tmp_path: Path) -> None:
    included = tmp_path / "more"
    included.write_text(
        f'Host inner\n  HostName 127.0.0.1\n  Port 22\n  User builder\n  IdentityFile "{build_host.key}"\n'
        f"  IdentityAgent none\n  HostKeyAlias [127.0.0.1]:{build_host.port}\n"
        f'  UserKnownHostsFile "{build_host.folder}/known_hosts"\nMatch host 127.0.0.1 originalhost inner\n'
        "  ProxyJump builder\n"
    )
    config = tmp_path / "config"
    config.write_text(f"Include {included}\n{Path(build_host.config).read_text()}")
    ran = repository.invoke("remote-check", "--host", "inner", SSH_CONFIG=str(config)).ok()
    assert "builder@127.0.0.1:22" in ran.stdout, "port 22 as the build host sees it, which shows that host's key"


@pytest.mark.fault("S25")
def test_a_proxy_command(repository: Repository, build_host: BuildHost, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    program = tmp_path / "proxy.py"
    program.write_text(
        "import os, socket, sys, threading\n"
        f"open({str(mark)!r}, 'w').close()\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "def out():\n    while data := s.recv(65536):\n        os.write(1, data)\n    os._exit(0)\n"
        "threading.Thread(target=out, daemon=True).start()\n"
        "while data := os.read(0, 65536):\n    s.sendall(data)\n"
    )
    config = build_host.options("proxy", ProxyCommand=f"{sys.executable} {program} %p")
    repository.invoke("remote-check", SSH_CONFIG=config).ok()
    assert mark.exists()


@pytest.mark.fault("S25")
def test_an_option_that_is_not_honoured(repository: Repository, build_host: BuildHost, tmp_path: Path) -> None:
    config = build_host.options("unhonoured", KnownHostsCommand="/bin/echo", RevokedHostKeys=str(tmp_path))
    repository.invoke("remote-check", SSH_CONFIG=config).failed(2, "knownhostscommand")
    broken = tmp_path / "broken"
    broken.write_text("Nonsense yes\n")
    repository.invoke("remote-check", SSH_CONFIG=str(broken)).failed(2, "ssh configuration of builder")


@pytest.mark.fault("S26")
def test_the_agent_is_never_forwarded(
    build_host: BuildHost, connected: Callable[..., Connection], tmp_path: Path
) -> None:
    where = str(tmp_path / "agent")
    config = build_host.options("forward", ForwardAgent="yes", IdentityAgent=where)
    with subprocess.Popen(["ssh-agent", "-D", "-a", where], stdout=subprocess.DEVNULL) as agent:
        try:
            while not Path(where).exists():
                threading.Event().wait(0.05)
            asked = Command(("sh", "-c", "echo agent=$SSH_AUTH_SOCK"))
            around = {"SSH_AUTH_SOCK": where}
            theirs = run(Command(("ssh", "-F", config, "builder", "echo agent=$SSH_AUTH_SOCK"), env=around))
            assert theirs.stdout.startswith("agent=/"), "OpenSSH itself forwards it: the host would take it"
            assert connected(config).run(asked).stdout == "agent=\n"
        finally:
            agent.terminate()
