"""Select the keys to offer a host, in OpenSSH's order.

First come the agent's keys that the configuration names, then the agent's other keys, then key files. Offering a key
does not forward the agent: ``forwarding`` does.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.agent import AgentSSH
from paramiko.pkey import PublicBlob, UnknownKeyType
from paramiko.ssh_exception import SSHException

from slipway.core.errors import SshError
from slipway.hosts.ssh.failures import KEY_LOCKED, PASSPHRASE_WRONG
from slipway.hosts.ssh.host_config import HostConfig
from slipway.hosts.ssh.known_hosts import fingerprint

#: Asks a person a question, without echo of the answer.
AskSecret = Callable[[str], str]
_AGENT_SECONDS = 5.0
_UNREADABLE = (OSError, ValueError, SSHException, UnknownKeyType, UnsupportedAlgorithm)


@dataclass(frozen=True)
class OfferedKey:
    """Hold a key and its source. The text for a person is ``ssh-ed25519 SHA256:… (agent: me@laptop)``."""

    key: paramiko.PKey
    source: str

    def __str__(self) -> str:
        return f"{self.key.get_name()} {fingerprint(self.key.asbytes())} ({self.source})"


class Agent(AgentSSH):
    """Connect to the agent at a socket. Raises SshError when it does not answer."""

    def __init__(self, path: str) -> None:
        super().__init__()
        try:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(_AGENT_SECONDS)
            connection.connect(path)
            self._connect(connection)  # type: ignore[attr-defined]
        except (OSError, SSHException) as error:
            raise SshError(
                f"ssh agent {path} (SSH_AUTH_SOCK): {getattr(error, 'strerror', None) or error}",
                hint='eval "$(ssh-agent)" && ssh-add, or unset SSH_AUTH_SOCK',
            ) from None

    def close(self) -> None:
        self._close()  # type: ignore[attr-defined]


def keys_to_offer(
    config: HostConfig, agent: Agent | None, ask: AskSecret | None, leave: Callable[[str], object]
) -> Iterator[OfferedKey]:
    """Yield the keys to offer, one after another.

    Files with a passphrase come last. slipway decrypts each only when its turn comes. ``leave`` gets a message for
    each file that cannot be read, such as a key on a device. Raises SshError for a wrong passphrase, or when ``ask``
    is None and a passphrase is needed.
    """
    files = [path for path in config.key_files if path.is_file()]
    public = {blob for path in files if (blob := _public(path))}
    held = _held(agent)
    named = [identity for identity in held if identity.key.asbytes() in public]
    yield from named
    if not config.identities_only:
        yield from (identity for identity in held if identity not in named)
    known = {identity.key.asbytes() for identity in held}
    locked: list[Path] = []
    for path in files:
        if _public(path) in known:
            continue
        try:
            yield OfferedKey(paramiko.PKey.from_path(path), str(path))
        except TypeError:  # cryptography raises this for a key with a passphrase
            locked.append(path)
        except _UNREADABLE as error:
            leave(f"{path}: {_cause(error)}")
    for path in locked:
        yield OfferedKey(_unlock(path, ask), str(path))


def _held(agent: Agent | None) -> Sequence[OfferedKey]:
    keys = agent.get_keys() if agent else ()
    return [OfferedKey(key, f"agent: {key.comment}") for key in keys]


def _public(path: Path) -> bytes:
    """Return the public key from the ``.pub`` file of a private key; empty without a readable one."""
    try:
        return PublicBlob.from_string(path.with_name(f"{path.name}.pub").read_text("utf-8")).key_blob
    except (OSError, ValueError):
        return b""


def _unlock(path: Path, ask: AskSecret | None) -> paramiko.PKey:
    if not ask:
        raise SshError.of([KEY_LOCKED.problem(f"ssh key {path}", path=path)])
    try:
        return paramiko.PKey.from_path(path, ask(f"passphrase of {path}: ").encode())  # type: ignore[arg-type]
    except (TypeError, *_UNREADABLE):
        raise SshError.of([PASSPHRASE_WRONG.problem(f"ssh key {path}")]) from None


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
