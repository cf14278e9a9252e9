"""The build host that the settings name, reached."""

from __future__ import annotations

import getpass
import os
import pwd
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from slipway.config.settings import Settings, inherited, surroundings
from slipway.core.command import Command
from slipway.core.destination import HostName
from slipway.core.errors import UsageError
from slipway.engine import FindLogin
from slipway.hosts.remote.host import BuildHost, Call, reach
from slipway.hosts.requirements import first_version
from slipway.hosts.runner import Run
from slipway.hosts.ssh.connection import Show
from slipway.hosts.ssh.dialling import Phone
from slipway.hosts.ssh.login import User
from slipway.tasks.process import is_terminal


def called(settings: Settings, run: Run, show: Show | None = None) -> Call:
    """REMOTE_HOST, to be dialled; ``show`` gets each command that runs on it. Raises UsageError when there is none."""
    if not settings["REMOTE_HOST"]:
        raise UsageError("REMOTE_HOST is not set", hint="REMOTE_HOST=me@builder in .env, or --host me@builder")
    return Call(HostName.parse(settings["REMOTE_HOST"]), _phone(settings, run, show))


def reached(
    call: Call, settings: Settings, run: Run, logins: FindLogin, opened: ExitStack, say: Callable[[str], None]
) -> BuildHost:
    """Connected until ``opened`` ends."""
    rsync = first_version(run(Command(("rsync", "--version"), label="rsync --version")).stdout)
    return reach(call, settings["REMOTE_PATH"], rsync, logins, opened, say)


def _phone(settings: Settings, run: Run, show: Show | None) -> Phone:
    return Phone(
        run=run,
        user=User(
            home=Path(pwd.getpwuid(os.getuid()).pw_dir),  # as OpenSSH, which does not heed HOME
            agent=surroundings().ssh_agent,
            uid=os.getuid(),
            machine=socket.gethostname(),
            variable=inherited({}).get,
        ),
        config=str(Path(settings["SSH_CONFIG"]).expanduser()) if settings["SSH_CONFIG"] else "",
        ask=getpass.getpass if is_terminal(sys.stdin) else None,
        show=show,
    )
