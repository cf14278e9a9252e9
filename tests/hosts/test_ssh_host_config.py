"""The output of ``ssh -G``, parsed."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.core.destination import Destination
from slipway.core.errors import UsageError
from slipway.hosts.ssh.host_config import HostConfig, Sharing, User, config_command, keep_command, read_config

HOME = Path("/home/me")
PRINTED = """\
host b
user me
hostname 10.0.0.1
port 22
identitiesonly no
globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2
userknownhostsfile /home/me/.ssh/known hosts ~/.ssh/known_hosts2
identityfile ~/.ssh/id_%h
identityfile /keys/%r@%n
connecttimeout none
"""


def read(more: str = "", text: str = PRINTED, agent: str = "/agent") -> HostConfig:
    user = User(HOME, agent, 1000, "laptop.example", {"KEYS": "/keys/100%h", "AGENT": "/other"}.get)
    return read_config(text + more, Destination("b"), user)


def test_a_login() -> None:
    login = read()
    assert str(login) == "me@10.0.0.1:22" and login.listed == "10.0.0.1"
    assert login.key_files == (HOME / ".ssh/id_10.0.0.1", Path("/keys/me@b"))
    assert login.known_hosts == (
        *(Path("/home/me/.ssh/known hosts"), HOME / ".ssh/known_hosts2"),
        *(Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2")),
    )
    assert (login.agent, login.jumps, login.proxy_command, login.identities_only) == ("/agent", (), "", False)
    assert login.seconds == 10


def test_the_name_in_known_hosts() -> None:
    assert read(text=PRINTED.replace("port 22", "port 2222")).listed == "[10.0.0.1]:2222"
    assert read("hostkeyalias build\n", PRINTED.replace("port 22", "port 2222")).listed == "build"


def test_a_proxy_command_and_jumps() -> None:
    assert read("proxycommand nc %h %p 100%%\n").proxy_command == "nc 10.0.0.1 22 100%"
    assert read("proxyjump me@one:2222,two\n").jumps == (Destination("one", "me", 2222), Destination("two"))
    assert read("proxyjump none\nproxycommand none\n").jumps == ()
    with pytest.raises(UsageError, match="ProxyJump=-x"):
        read("proxyjump -x\n")


@pytest.mark.parametrize(
    ("option", "agent"),
    [
        ("none", ""),
        ("SSH_AUTH_SOCK", "/agent"),
        ("~/agent", "/home/me/agent"),
        ("/run/%r", "/run/me"),
        ("$AGENT", "/other"),
        ("$GONE", ""),
        ("${AGENT}/s", "/other/s"),
    ],
)
def test_the_agent(option: str, agent: str) -> None:
    assert read(f"identityagent {option}\n").agent == agent


def test_time_and_keys() -> None:
    assert read(text=PRINTED.replace("connecttimeout none", "connecttimeout 3")).seconds == 3
    assert read(text=PRINTED.replace("identitiesonly no", "identitiesonly yes")).identities_only


@pytest.mark.parametrize(
    "line",
    ["knownhostscommand /bin/x", "revokedhostkeys /r", "pkcs11provider /p", "proxyusefdpass yes", "bindaddress ::1"],
)
def test_an_unsupported_option_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match=f"ssh configuration of b: {line} is not supported"):
        read(f"{line}\n")


@pytest.mark.fault("S31")
@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("${KEYS}/id", "/keys/100%h/id"),
        ("~/${KEYS}/id", "/home/me//keys/100%h/id"),
        ("/k/%i-%k-%L-%l-%u", "/k/1000-b-laptop-laptop.example-me"),
        ("/k/%C", "/k/0c4bd6c392eabedb7c5ad0e4bf3514b3e5d14be9"),
        ("/k/$KEYS/100%%", "/k/$KEYS/100%"),
    ],
)
def test_variables_and_tokens_in_a_path(said: str, meant: str) -> None:
    """In one go: a variable's value is not looked through for tokens."""
    assert read(f"identityfile {said}\n").key_files[-1] == Path(meant)


def test_variables_in_known_hosts() -> None:
    text = PRINTED.replace("/home/me/.ssh/known hosts", "/a ${KEYS}/known hosts")
    assert read(text=text).known_hosts[:2] == (Path("/a"), Path("/keys/100%h/known hosts"))


@pytest.mark.fault("S31")
def test_a_variable_that_is_not_set() -> None:
    with pytest.raises(UsageError, match=r"\$\{NOPE\} in \$\{NOPE\}/id: the variable is not set"):
        read("identityfile ${NOPE}/id\n")


def test_a_proxy_command_s_variables_are_its_shell_s() -> None:
    assert read("proxycommand nc ${KEYS} %h\n").proxy_command == "nc ${KEYS} 10.0.0.1"


def test_a_token_that_is_not_honoured() -> None:
    with pytest.raises(UsageError, match=r"%T in /keys/%T is not supported"):
        read("identityfile /keys/%T\n")
    with pytest.raises(UsageError, match=r"%C in /keys/%C is not supported"):
        read("identityfile /keys/%C\nproxyjump two\n")


def test_the_question_to_openssh() -> None:
    assert config_command(Destination("b", "me", 2222), "/c").argv == (
        *("ssh", "-G", "-F", "/c", "-l", "me", "-p", "2222", "--", "b"),
    )
    assert config_command(Destination("b")).argv == ("ssh", "-G", "--", "b")


CONTROL_HASH = "0744300aad6fa5b4589eb074db04768a458d33e0"
KEPT = f"controlmaster auto\ncontrolpath /run/{CONTROL_HASH}\ncontrolpersist 300\nstricthostkeychecking ask\n"


@pytest.mark.fault("S34")
@pytest.mark.parametrize(
    ("options", "sharing"),
    [
        ("", None),
        ("controlmaster auto\ncontrolpath none\n", None),
        (KEPT, Sharing(f"/run/{CONTROL_HASH}", is_kept=True)),
        (KEPT.replace("persist 300", "persist yes"), Sharing(f"/run/{CONTROL_HASH}", is_kept=True)),
        (KEPT.replace("persist 300", "persist no"), Sharing(f"/run/{CONTROL_HASH}")),
        (KEPT.replace("master auto", "master false"), Sharing(f"/run/{CONTROL_HASH}")),
        (KEPT.replace("master auto", "master ask"), None),
        (KEPT.replace("master auto", "master autoask"), None),
        (KEPT.replace("checking ask", "checking accept-new"), Sharing(f"/run/{CONTROL_HASH}", is_kept=True)),
        (KEPT.replace("checking ask", "checking false"), None),
        (KEPT.replace("checking ask", "checking off"), None),
        (KEPT.replace(CONTROL_HASH, "master"), None),
        (KEPT.replace(CONTROL_HASH, "me@10.0.0.1:22"), Sharing("/run/me@10.0.0.1:22", is_kept=True)),
        (KEPT.replace(CONTROL_HASH, "me@b:22"), Sharing("/run/me@b:22", is_kept=True)),
        (KEPT.replace(CONTROL_HASH, "me@10.0.0.1"), None),
        (KEPT.replace(CONTROL_HASH, "10.0.0.1:22"), None),
    ],
)
def test_a_connection_is_shared_where_its_socket_names_the_host(options: str, sharing: Sharing | None) -> None:
    assert read(options).sharing == sharing


def test_ssh_keeps_a_connection_and_does_nothing_else() -> None:
    argv = keep_command(Destination("b", "me", 2222), "/config").argv
    assert argv[0] == "ssh" and argv[-9:] == ("-F", "/config", "-l", "me", "-p", "2222", "--", "b", "true")
    assert {"BatchMode=yes", "ClearAllForwardings=yes", "RemoteCommand=none"} < set(argv)
