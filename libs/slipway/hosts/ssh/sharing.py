"""Share the connection that OpenSSH keeps to a host, where the user's configuration says that it keeps one."""

from __future__ import annotations

from contextlib import suppress

from slipway.core.destination import Destination
from slipway.hosts.beside import leave
from slipway.hosts.ssh.client import SshClient
from slipway.hosts.ssh.connection import Connection
from slipway.hosts.ssh.host_config import HostConfig, keep_command
from slipway.hosts.ssh.known_hosts import find_known
from slipway.hosts.ssh.multiplexing import Master
from slipway.hosts.ssh.shared_connection import SharedConnection


def share_or_connect(config: HostConfig, client: SshClient) -> Connection:
    """Return a way over OpenSSH's connection to the host, or else a new connection of slipway's own.

    Raises the errors of connecting.
    """
    shared = share(config, client)
    if shared:
        return shared
    from slipway.hosts.ssh.connecting import connect_to  # imports paramiko

    made = connect_to(config, client)
    start_keeping(config, client)
    return made


def connect_alone(name: Destination, client: SshClient) -> Connection:
    """Return a new connection of slipway's own. Raises the errors of connecting."""
    from slipway.hosts.ssh.connecting import connect  # imports paramiko

    return connect(name, client)


def share(config: HostConfig, client: SshClient) -> SharedConnection | None:
    """Return a way over OpenSSH's connection to the host.

    Return None where there is none, and where known_hosts no longer has a key of the host, or revokes one.
    """
    if not config.sharing:
        return None
    with suppress(OSError):
        shared = SharedConnection(config, Master(config.sharing.path, client.user.uid), client.show)
        known = find_known(config, client.run)
        if any(not key.mark for key in known) and not any(key.mark == "@revoked" for key in known):
            return shared
        shared.close()
    return None


def start_keeping(config: HostConfig, client: SshClient) -> None:
    """Let OpenSSH connect and keep its connection for the next command, if its configuration says so.

    It may fail, for example because ssh would have to ask for a passphrase. Then the next command connects, too.
    """
    if config.sharing and config.sharing.is_kept:
        with suppress(OSError):
            leave(keep_command(config.name, client.config))
