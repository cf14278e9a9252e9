"""Dial a host: its address, its key, our keys. Every failure says which of these it was.

Through a ProxyJump each hop is dialled over the one before it, and each shows a key that must be known.
"""

from __future__ import annotations

import logging
import shlex
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import paramiko
from paramiko.ssh_exception import BadAuthenticationType, SSHException

from slipway.core.destination import HostName
from slipway.core.errors import PrerequisiteError, SshError, UsageError
from slipway.core.retry import RetryPolicy
from slipway.hosts.runner import Run
from slipway.hosts.ssh.connection import Connection, Show, UnreachedError, patient
from slipway.hosts.ssh.hostkeys import KnownKey, find_command, judge, kinds, read_known
from slipway.hosts.ssh.identities import Agent, AskSecret, Identity, identities
from slipway.hosts.ssh.login import Login, User, config_command, read_login

#: When slipway connects again to a host that does not answer.
CONNECT = RetryPolicy(pauses=(0.75, 0.75))
_BANNER_SECONDS = 10.0
_AUTH_SECONDS = 15.0
_MOST_JUMPS = 8

# Without a handler of its own, logging would print paramiko's warnings on stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Phone:
    """What connecting needs of this machine: a way to ask OpenSSH's programs, who connects, OpenSSH's configuration
    where it is another than its own, and how to ask a person for a passphrase (None: nobody can be asked). ``show``
    gets each command that runs on a host."""

    run: Run
    user: User
    config: str = ""
    ask: AskSecret | None = None
    show: Show | None = None
    answers: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def ask_once(self) -> AskSecret | None:
        """``ask``, for what was not answered yet: a link that is dialled again asks nobody."""
        if not self.ask:
            return None
        ask = self.ask

        def asked(question: str) -> str:
            if question not in self.answers:
                self.answers[question] = ask(question)
            return self.answers[question]

        return asked


def look_up(name: HostName, phone: Phone) -> Login:
    """What OpenSSH's configuration says of ``name``.

    Raises PrerequisiteError without ssh, UsageError for its refusal.
    """
    result = phone.run(config_command(name, phone.config), timeout=30)
    if result.exit_code == 127:
        raise PrerequisiteError("ssh: not found", hint="sudo apt-get install openssh-client")
    if not result.ok:
        words = result.stderr.splitlines()[-1:] or [f"ssh -G ended with exit code {result.exit_code}"]
        raise UsageError(f"ssh configuration of {name}: {words[0]}", hint="~/.ssh/config")
    return read_login(result.stdout, name, phone.user)


def dial(name: HostName, phone: Phone) -> Connection:
    """Connect to ``name``. Raises SshError, UsageError, PrerequisiteError."""
    login = look_up(name, phone)
    with ExitStack() as opened:
        transport = _reach(login, phone, opened, _MOST_JUMPS)
        return Connection(login, transport, opened.pop_all().close, phone.show)


def _reach(login: Login, phone: Phone, opened: ExitStack, jumps: int) -> paramiko.Transport:
    """What is opened on the way is closed by ``opened``, the last one first."""
    known = _known(login, phone)
    line = _line(login, phone, opened, jumps)
    opened.callback(line.close)
    transport = _transport(login, line, known)
    opened.callback(transport.close)
    _authenticate(transport, login, phone)
    return transport


def _line(login: Login, phone: Phone, opened: ExitStack, jumps: int) -> Any:
    """What carries the connection: a socket, a channel of the hop before, or a program."""
    if login.jumps:
        if not jumps:
            raise UsageError(f"ssh configuration of {login.name}: more than {_MOST_JUMPS} jumps", hint="ProxyJump")
        *ahead, last = login.jumps
        hop = look_up(last, phone)
        hop = replace(hop, jumps=tuple(ahead)) if ahead else hop
        there = (login.hostname, login.port)
        try:
            transport = _reach(hop, phone, opened, jumps - 1)
            return transport.open_channel("direct-tcpip", there, ("127.0.0.1", 0), timeout=login.seconds)
        except SSHException as error:
            raise UnreachedError(
                f"ssh {login}: not reached from {hop}: {error}", hint=f"ssh {login.name.host}"
            ) from None
    if login.proxy_command:
        return _proxy(login)
    return _socket(login)


def _proxy(login: Login) -> Any:
    """The program, by a shell, as OpenSSH runs it."""
    try:
        return paramiko.ProxyCommand(shlex.join(("sh", "-c", f"exec {login.proxy_command}")))
    except OSError as error:
        raise SshError(f"ssh {login}: ProxyCommand: {error.strerror}", hint="~/.ssh/config") from None


def _socket(login: Login) -> socket.socket:
    """Connect, and again only while nobody answers: a refusal is an answer."""
    attempts = CONNECT.begin()
    while True:
        try:
            found = socket.create_connection((login.hostname, login.port), timeout=login.seconds)
            patient(found)
            return found
        except TimeoutError:
            if not attempts.again():
                cause = f"does not answer ({attempts.tries} tries of {login.seconds:.0f} s)"
                raise UnreachedError(f"ssh {login}: {cause}", hint=f"ssh {login.name.host}") from None
        except socket.gaierror as error:
            hint = "REMOTE_HOST, or HostName in ~/.ssh/config"
            raise UnreachedError(f"ssh {login}: its name is not known: {error.strerror}", hint=hint) from None
        except OSError as error:
            hint = f"is sshd running there? ssh {login.name.host}"
            raise UnreachedError(f"ssh {login}: {error.strerror or error}", hint=hint) from None


def _known(login: Login, phone: Phone) -> tuple[KnownKey, ...]:
    found: list[KnownKey] = []
    for file in login.known_hosts:
        if file.is_file():
            found += read_known(phone.run(find_command(login.listed, file), timeout=30).stdout, file)
    return tuple(found)


def _transport(login: Login, line: Any, known: Sequence[KnownKey]) -> paramiko.Transport:
    """Keys are exchanged, and the host's own is the known one."""
    transport = paramiko.Transport(line)
    transport.banner_timeout = _BANNER_SECONDS
    transport.auth_timeout = _AUTH_SECONDS
    options = transport.get_security_options()
    options.key_types = _preferred(options.key_types, kinds(known))
    try:
        transport.start_client(timeout=_BANNER_SECONDS)
        key = transport.get_remote_server_key()
        judge(login, key.get_name(), key.asbytes(), known)
    except (SSHException, EOFError, OSError) as error:
        transport.close()
        cause = str(error) or "hung up"
        raise UnreachedError(f"ssh {login}: no SSH spoken there: {cause}", hint=f"ssh {login.name.host}") from None
    except SshError:
        transport.close()
        raise
    return transport


def _preferred(offered: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Those first that the host is known by; ``ssh-rsa`` is a kind of key, ``rsa-sha2-512`` how it signs."""
    wanted = [kind for kind in offered if kind in known or ("ssh-rsa" in known and kind.startswith("rsa-sha2"))]
    return (*wanted, *(kind for kind in offered if kind not in wanted))


def _authenticate(transport: paramiko.Transport, login: Login, phone: Phone) -> None:
    """Raises SshError that names what was offered and what the host allows."""
    offered: list[Identity] = []
    unread: list[str] = []
    agent = _agent(login, unread)
    try:
        for identity in identities(login, agent, phone.ask_once, unread.append):
            offered.append(identity)
            if _accepted(transport, login, identity):
                return
    finally:
        if agent:
            agent.close()
    if allowed := _allowed(transport, login):
        raise _refused(login, offered, unread, allowed)


def _agent(login: Login, unread: list[str]) -> Agent | None:
    """The agent; without one that answers, key files are offered all the same, as OpenSSH does."""
    if not login.agent:
        return None
    try:
        return Agent(login.agent)
    except SshError as error:
        unread.append(error.message)
        return None


def _allowed(transport: paramiko.Transport, login: Login) -> tuple[str, ...]:
    """What a host takes that took none of the keys; nothing when it lets anybody in."""
    try:
        transport.auth_none(login.user)
    except BadAuthenticationType as error:
        return tuple(error.allowed_types)
    except (SSHException, EOFError):
        return ("other keys",)
    return ()


def _accepted(transport: paramiko.Transport, login: Login, identity: Identity) -> bool:
    try:
        more = transport.auth_publickey(login.user, identity.key)
    except BadAuthenticationType:
        return False
    except SSHException as error:
        if not transport.is_active():
            raise UnreachedError(
                f"ssh {login}: hung up at {identity}: {error}", hint="IdentitiesOnly yes, and the IdentityFile it takes"
            ) from None
        return False
    if more:
        raise SshError(f"ssh {login}: wants more than a key: {', '.join(more)}", hint="a user whom a key suffices")
    return True


def _refused(login: Login, offered: Sequence[Identity], unread: Sequence[str], allowed: Sequence[str]) -> SshError:
    said = ", ".join(map(str, offered)) or "nothing: no key of an agent, no key file"
    left = "".join(f"; not offered: {why}" for why in unread)
    hint = f"ssh-copy-id {login.name}, or ssh-add the key it knows"
    if any(why.startswith("ssh agent") for why in unread):
        hint = 'eval "$(ssh-agent)" && ssh-add the key it knows'
    return SshError(
        f"ssh {login}: not let in; offered: {said}{left}; it takes {', '.join(allowed)}",
        hint=hint,
    )
