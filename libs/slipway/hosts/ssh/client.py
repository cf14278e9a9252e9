"""Hold this machine as an SSH client, and look up OpenSSH's configuration of a host.

This module does not import paramiko, so that ``ssh -G`` runs while paramiko is imported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slipway.core.destination import Destination
from slipway.core.errors import PrerequisiteError, UsageError
from slipway.hosts.runner import RunCommand
from slipway.hosts.ssh.host_config import HostConfig, User, config_command, read_config

if TYPE_CHECKING:
    from slipway.hosts.ssh.connection import Show
    from slipway.hosts.ssh.keys import AskSecret


@dataclass(frozen=True)
class SshClient:
    """Hold the properties of this machine as an SSH client.

    ``run`` runs OpenSSH's programs. ``user`` connects. ``config``: a configuration file that replaces OpenSSH's own.
    ``ask`` asks a person for a passphrase; None without a terminal. ``show`` gets each command that runs on a
    host. ``answers``: question → the passphrase that the person gave.
    """

    run: RunCommand
    user: User
    config: str = ""
    ask: AskSecret | None = None
    show: Show | None = None
    answers: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def ask_once(self) -> AskSecret | None:
        """Return an ``ask`` that remembers answers, or None without ``ask``.

        A reconnect does not ask for a passphrase again.
        """
        if not self.ask:
            return None
        ask = self.ask

        def asked(question: str) -> str:
            if question not in self.answers:
                self.answers[question] = ask(question)
            return self.answers[question]

        return asked


def look_up(name: Destination, client: SshClient) -> HostConfig:
    """Return OpenSSH's configuration of ``name``.

    Raises PrerequisiteError when ssh is not installed, UsageError when ssh refuses the configuration.
    """
    result = client.run(config_command(name, client.config), timeout=30)
    if result.exit_code == 127:
        raise PrerequisiteError("ssh: not found", hint="sudo apt-get install openssh-client")
    if not result.ok:
        words = result.stderr.splitlines()[-1:] or [f"ssh -G ended with exit code {result.exit_code}"]
        raise UsageError(f"ssh configuration of {name}: {words[0]}", hint="~/.ssh/config")
    return read_config(result.stdout, name, client.user)
