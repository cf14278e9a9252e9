"""Share the connection that OpenSSH keeps to a host, where the user's configuration says that it keeps one."""

from __future__ import annotations

from contextlib import suppress

from slipway.core.errors import SlipwayError
from slipway.core.threads import start_in_thread
from slipway.hosts.ssh.client import SshClient
from slipway.hosts.ssh.host_config import HostConfig, keep_command
from slipway.hosts.ssh.known_hosts import find_known
from slipway.hosts.ssh.shared_connection import SharedConnection

_KEEP_SECONDS = 60.0


def share(config: HostConfig, client: SshClient) -> SharedConnection | None:
    """Return a way over OpenSSH's connection to the host.

    Return None where there is none, and where known_hosts no longer has a key of the host, or revokes one.
    """
    if not config.sharing:
        return None
    with suppress(OSError):
        shared = SharedConnection(config, config.sharing.path, client.show)
        known = find_known(config, client.run)
        if any(not key.mark for key in known) and not any(key.mark == "@revoked" for key in known):
            return shared
        shared.close()
    return None


def start_keeping(config: HostConfig, client: SshClient) -> None:
    """Let OpenSSH connect and keep its connection for the next command, if its configuration says so.

    This happens in the background. It may fail, for example because ssh would have to ask for a passphrase: then the
    next command connects for itself, too.
    """
    if not (config.sharing and config.sharing.is_kept):
        return

    def keep() -> None:
        with suppress(SlipwayError):
            client.run(keep_command(config.name, client.config), timeout=_KEEP_SECONDS)

    start_in_thread(keep)
