"""Create the build host that the settings name."""

from __future__ import annotations

import getpass
import os
import pwd
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.config.environment import inherited, surroundings
from slipway.config.settings import Settings
from slipway.core.destination import Destination
from slipway.core.errors import UsageError
from slipway.core.threads import start_in_thread
from slipway.hosts.local import LocalHost
from slipway.hosts.runner import RunCommand
from slipway.hosts.ssh.client import SshClient, look_up
from slipway.hosts.ssh.host_config import HostConfig, User
from slipway.tasks.process import is_terminal

if TYPE_CHECKING:
    from slipway.hosts.remote.host import RemoteHost
    from slipway.hosts.ssh.connection import Show


def remote_host(local: LocalHost, show: Show | None = None) -> RemoteHost:
    """Return the build host REMOTE_HOST. ``show`` gets each command that runs on it.

    Raises UsageError when REMOTE_HOST is not set.
    """
    settings = local.settings
    if not settings["REMOTE_HOST"]:
        raise UsageError("REMOTE_HOST is not set", hint="REMOTE_HOST=me@builder in .env, or --host me@builder")
    name, client = Destination.parse(settings["REMOTE_HOST"]), _ssh_client(settings, local.run, show)
    looked_up = start_in_thread(lambda: _looked_up(name, client))  # while the modules are imported
    from slipway.hosts.remote.connected import PendingConnection
    from slipway.hosts.remote.host import RemoteHost

    return RemoteHost(local, PendingConnection(name, client, looked_up))


def _looked_up(name: Destination, client: SshClient) -> HostConfig:
    """Return OpenSSH's configuration of ``name``. Import paramiko meanwhile, unless a connection may be shared."""
    config = look_up(name, client)
    if not (config.sharing and Path(config.sharing.path).exists()):
        import_module("slipway.hosts.ssh.connecting")
    return config


def _ssh_client(settings: Settings, run: RunCommand, show: Show | None) -> SshClient:
    return SshClient(
        run=run,
        user=User(
            home=Path(pwd.getpwuid(os.getuid()).pw_dir),  # OpenSSH ignores HOME, too
            agent=surroundings().ssh_agent,
            uid=os.getuid(),
            machine=socket.gethostname(),
            variable=inherited({}).get,
        ),
        config=str(Path(settings["SSH_CONFIG"]).expanduser()) if settings["SSH_CONFIG"] else "",
        ask=getpass.getpass if is_terminal(sys.stdin) else None,
        show=show,
    )
