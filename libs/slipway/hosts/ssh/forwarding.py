"""Forward ssh's agent of this machine to a build host, as ``ssh -A`` does.

sshd makes the socket on the host, for its user alone, and removes it when the connection ends. This machine reads every
request before the agent gets it: the host can list keys and have the agent sign. Keys never leave the agent.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from paramiko.ssh_exception import SSHException

from slipway.core.command import Command
from slipway.core.errors import SshError
from slipway.hosts.ssh.connection import Connection, LostError, Stream

#: SSH_AGENTC_REQUEST_IDENTITIES and SSH_AGENTC_SIGN_REQUEST of the agent's protocol: BuildKit passes on no others. So
#: nobody binds the connection to a host, and OpenSSH's agent signs nothing with a key that ``ssh-add -h`` binds to one.
_PASSED = (11, 13)
_FAILURE = b"\x05"
#: OpenSSH's agent takes no longer message.
_LONGEST = 256 * 1024

#: The command that offers the socket of SSH_AUTH_SOCK on the host, for the value that the host itself sets. Its first
#: line on stdout: ``forwarded``, ``refused`` when sshd set no other value, else an error. It ends with its stdin.
Offer = Callable[[str], Command]


class NotForwardedError(SshError):
    """sshd on the host forwards no agent."""


class Asking(Stream, Protocol):
    """A connection to the agent's socket on the host."""

    def close(self) -> None: ...


@contextmanager
def forwarded(connection: Connection, agent: str, offer: Offer) -> Iterator[None]:
    """Let the agent whose socket is ``agent`` answer on the host, until the context ends.

    Raises NotForwardedError when sshd forwards no agent, LostError.
    """
    ended = threading.Event()

    def answer(asking: Asking) -> None:
        threading.Thread(target=relay, args=(asking, agent, ended.is_set), daemon=True).start()

    command = offer(connection.own_agent)
    try:
        with connection.stream(command, on_agent=answer) as stream:
            said = _line(stream)
            if said != "forwarded":
                raise _not_forwarded(connection, said)
            yield
            ended.set()
            stream.shutdown(socket.SHUT_WR)
    finally:
        ended.set()


def relay(asking: Asking, agent: str, over: Callable[[], bool]) -> None:
    """Pass the two allowed kinds of request to the agent, until the asking side ends or the forwarding is ``over``.

    Any other request gets the protocol's failure.
    """
    hanging_up = contextlib.suppress(OSError, EOFError, SSHException)
    with contextlib.closing(asking), hanging_up, socket.socket(socket.AF_UNIX) as ours:
        ours.connect(agent)
        while request := _message(asking):
            if over():
                return
            if request[0] not in _PASSED:
                _send(asking, _FAILURE)
                continue
            _send(ours, request)
            answer = _message(ours)
            if not answer:
                return
            _send(asking, answer)


def _not_forwarded(connection: Connection, said: str) -> SshError:
    if not said and connection.is_lost():
        return LostError(f"ssh {connection.config}: connection lost", hint="invoke remote-check")
    if said != "refused":
        what = f"no agent can be offered on the host: {said or 'the command that offers it ended'}"
        return NotForwardedError(f"ssh {connection.config}: {what}", hint="invoke remote-check")
    own = f"; the host sets SSH_AUTH_SOCK={connection.own_agent}" if connection.own_agent else ""
    return NotForwardedError(
        f"ssh {connection.config}: sshd on the host forwards no agent, and the build mounts it{own}",
        hint="sudo sshd -T | grep -i forwarding, on the host: AllowAgentForwarding yes, and no restrict in "
        "authorized_keys; or build it without --remote",
    )


def _line(stream: Stream) -> str:
    """Read the first line, or what came of it before the stream ended."""
    found = b""
    while not found.endswith(b"\n") and (piece := stream.recv(1)):
        found += piece
    return found.decode("utf-8", "replace").strip()


def _send(stream: Stream, message: bytes) -> None:
    stream.sendall(len(message).to_bytes(4, "big") + message)


def _message(stream: Stream) -> bytes:
    """Read the next message; it is empty at the stream's end, and for one longer than OpenSSH's agent takes."""
    size = int.from_bytes(_read(stream, 4), "big")
    return _read(stream, size) if size <= _LONGEST else b""


def _read(stream: Stream, size: int) -> bytes:
    """Read ``size`` bytes, or none when the stream ends before them."""
    found = b""
    while len(found) < size:
        piece = stream.recv(size - len(found))
        if not piece:
            return b""
        found += piece
    return found
