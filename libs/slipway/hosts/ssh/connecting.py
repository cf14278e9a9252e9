"""Connect to a host: find its address, verify its host key, and offer the user's keys.

Every error says which of these steps failed. Through a ProxyJump slipway connects to each hop over the one before it,
and verifies the host key of each.
"""

from __future__ import annotations

import logging
import shlex
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import paramiko
from paramiko.ssh_exception import BadAuthenticationType, SSHException

from slipway.core.destination import Destination
from slipway.core.errors import SshError, UsageError
from slipway.core.retry import RetryPolicy
from slipway.core.threads import start_in_thread
from slipway.hosts.ssh.client import SshClient, look_up
from slipway.hosts.ssh.connection import UnreachedError
from slipway.hosts.ssh.failures import (
    JUMP_FAILED,
    LOGIN_BROKEN_OFF,
    LOGIN_REFUSED,
    MORE_THAN_A_KEY,
    NAME_UNKNOWN,
    NO_ANSWER,
    NO_SOCKET,
    NOT_SSH,
    PROXY_FAILED,
)
from slipway.hosts.ssh.host_config import HostConfig
from slipway.hosts.ssh.keys import Agent, OfferedKey, keys_to_offer
from slipway.hosts.ssh.known_hosts import KnownKey, find_known, kinds, verify
from slipway.hosts.ssh.own_connection import OwnConnection, set_user_timeout

#: Pauses between attempts to connect to a host that does not answer.
CONNECT = RetryPolicy(pauses=(0.75, 0.75))
_BANNER_SECONDS = 10.0
_AUTH_SECONDS = 15.0
_MOST_JUMPS = 8


def connect(name: Destination, client: SshClient) -> OwnConnection:
    """Connect to ``name``. Raises SshError, UsageError, PrerequisiteError."""
    return connect_to(look_up(name, client), client)


def connect_to(config: HostConfig, client: SshClient) -> OwnConnection:
    """Connect to the host of ``config``. Raises SshError, UsageError, PrerequisiteError."""
    with ExitStack() as opened:
        transport = _reach(config, client, opened, _MOST_JUMPS)
        return OwnConnection(config, transport, opened.pop_all().close, client.show)


def _reach(config: HostConfig, client: SshClient, opened: ExitStack, jumps: int) -> paramiko.Transport:
    """Connect to a host and authenticate. ``jumps``: the number of hops that are still allowed.

    ``opened`` closes each part of the connection, in reverse order.
    """
    known = start_in_thread(lambda: find_known(config, client.run))  # while the host answers
    line = _line(config, client, opened, jumps)
    opened.callback(line.close)
    transport = _transport(config, line, known.result())
    opened.callback(transport.close)
    _authenticate(transport, config, client)
    return transport


def _line(config: HostConfig, client: SshClient, opened: ExitStack, jumps: int) -> Any:
    """Return the carrier of the connection: a socket, a channel over the hop before it, or a ProxyCommand."""
    if config.jumps:
        if not jumps:
            raise UsageError(f"ssh configuration of {config.name}: more than {_MOST_JUMPS} jumps", hint="ProxyJump")
        *ahead, last = config.jumps
        hop = look_up(last, client)
        hop = replace(hop, jumps=tuple(ahead)) if ahead else hop
        there = (config.hostname, config.port)
        try:
            transport = _reach(hop, client, opened, jumps - 1)
            return transport.open_channel("direct-tcpip", there, ("127.0.0.1", 0), timeout=config.seconds)
        except SSHException as error:
            problem = JUMP_FAILED.problem(f"ssh {config}", hop=hop, cause=error, host=config.name.host)
            raise UnreachedError.of([problem]) from None
    if config.proxy_command:
        return _proxy(config)
    return _socket(config)


def _proxy(config: HostConfig) -> Any:
    """Start the ProxyCommand in a shell, as OpenSSH does."""
    try:
        return paramiko.ProxyCommand(shlex.join(("sh", "-c", f"exec {config.proxy_command}")))
    except OSError as error:
        raise SshError.of([PROXY_FAILED.problem(f"ssh {config}", cause=error.strerror)]) from None


def _socket(config: HostConfig) -> socket.socket:
    """Connect to the host's address. Retry only after a timeout: a refusal is a definite answer."""
    about, host, attempts = f"ssh {config}", config.name.host, CONNECT.start()
    while True:
        try:
            found = socket.create_connection((config.hostname, config.port), timeout=config.seconds)
            set_user_timeout(found)
            return found
        except TimeoutError:
            if not attempts.again():
                problem = NO_ANSWER.problem(about, tries=attempts.tries, seconds=config.seconds, host=host)
                raise UnreachedError.of([problem]) from None
        except socket.gaierror as error:
            raise UnreachedError.of([NAME_UNKNOWN.problem(about, cause=error.strerror)]) from None
        except OSError as error:
            cause = error.strerror or str(error)
            raise UnreachedError.of([NO_SOCKET.problem(about, cause, host=host)]) from None


def _transport(config: HostConfig, line: Any, known: Sequence[KnownKey]) -> paramiko.Transport:
    """Exchange keys with the host and verify its host key. Raises UnreachedError, SshError."""
    _keep_warnings_off_stderr()
    transport = paramiko.Transport(line)
    transport.banner_timeout = _BANNER_SECONDS
    transport.auth_timeout = _AUTH_SECONDS
    options = transport.get_security_options()
    options.key_types = _preferred(options.key_types, kinds(known))
    try:
        transport.start_client(timeout=_BANNER_SECONDS)
        key = transport.get_remote_server_key()
        verify(config, key.get_name(), key.asbytes(), known)
    except (SSHException, EOFError, OSError) as error:
        transport.close()
        problem = NOT_SSH.problem(
            f"ssh {config}", cause=str(error) or "it closed the connection", host=config.name.host
        )
        raise UnreachedError.of([problem]) from None
    except SshError:
        transport.close()
        raise
    return transport


def _keep_warnings_off_stderr() -> None:
    """Give paramiko's logger a handler, unless the process has configured logging.

    Python prints the warnings of a logger without any handler on stderr.
    """
    logger = logging.getLogger("paramiko")
    if not logger.hasHandlers():
        logger.addHandler(logging.NullHandler())


def _preferred(offered: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return ``offered`` with the kinds in ``known`` first.

    ``ssh-rsa`` is a kind of key. Its signatures have the names ``rsa-sha2-…``.
    """
    wanted = [kind for kind in offered if kind in known or ("ssh-rsa" in known and kind.startswith("rsa-sha2"))]
    return (*wanted, *(kind for kind in offered if kind not in wanted))


def _authenticate(transport: paramiko.Transport, config: HostConfig, client: SshClient) -> None:
    """Authenticate with the first key that the host accepts, or without a key if the host requires none.

    Raises SshError with the keys that slipway offered and the methods that the host allows.
    """
    offered: list[OfferedKey] = []
    unread: list[str] = []
    agent = _agent(config, unread)
    silent = bool(unread)
    try:
        for identity in keys_to_offer(config, agent, client.ask_once, unread.append):
            offered.append(identity)
            if _accepted(transport, config, identity):
                return
    finally:
        if agent:
            agent.close()
    if allowed := _allowed(transport, config):
        raise _refused(config, offered, unread, allowed, silent=silent)


def _agent(config: HostConfig, unread: list[str]) -> Agent | None:
    """Return ssh's agent, or None when none answers; then add the cause to ``unread``.

    slipway then offers the key files, as OpenSSH does.
    """
    if not config.agent:
        return None
    try:
        return Agent(config.agent)
    except SshError as error:
        unread.append(error.message)
        return None


def _allowed(transport: paramiko.Transport, config: HostConfig) -> tuple[str, ...]:
    """Return the authentication methods that the host allows after it refused every key.

    The result is empty when the host requires no authentication.
    """
    try:
        transport.auth_none(config.user)
    except BadAuthenticationType as error:
        return tuple(error.allowed_types)
    except (SSHException, EOFError):
        return ("other keys",)
    return ()


def _accepted(transport: paramiko.Transport, config: HostConfig, identity: OfferedKey) -> bool:
    try:
        more = transport.auth_publickey(config.user, identity.key)
    except BadAuthenticationType:
        return False
    except SSHException as error:
        if not transport.is_active():
            problem = LOGIN_BROKEN_OFF.problem(f"ssh {config}", key=identity, cause=error)
            raise UnreachedError.of([problem]) from None
        return False
    if more:
        raise SshError.of([MORE_THAN_A_KEY.problem(f"ssh {config}", methods=", ".join(more))])
    return True


def _refused(
    config: HostConfig,
    offered: Sequence[OfferedKey],
    unread: Sequence[str],
    allowed: Sequence[str],
    *,
    silent: bool,
) -> SshError:
    """Return the error of a login that the host refused. ``silent``: ssh's agent does not answer."""
    said = ", ".join(map(str, offered)) or "nothing: no key of an agent, no key file"
    left = "".join(f"; not offered: {why}" for why in unread)
    problem = LOGIN_REFUSED.problem(
        f"ssh {config}",
        offered=said + left,
        allowed=", ".join(allowed),
        destination=config.name,
        hint='eval "$(ssh-agent)" && ssh-add the key that the host accepts' if silent else "",
    )
    return SshError.of([problem])
