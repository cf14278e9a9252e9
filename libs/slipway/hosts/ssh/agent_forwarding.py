"""Forward ssh's agent of this machine to a build host, as ``ssh -A`` does.

sshd creates the socket on the build host, for its user alone, and removes it when the connection ends. slipway reads
every request on this machine before the agent gets it. The build host can list keys and have the agent sign. Keys
never leave the agent.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from slipway.core.command import Command
from slipway.core.errors import SshError
from slipway.hosts.ssh.connection import Connection, LostError, Stream, read_line

#: SSH_AGENTC_REQUEST_IDENTITIES and SSH_AGENTC_SIGN_REQUEST of the agent's protocol. BuildKit forwards no other
#: requests, so the connection is never bound to a host. OpenSSH's agent then refuses to sign with a key that
#: ``ssh-add -h`` restricts to a host.
_PASSED = (11, 13)
_FAILURE = b"\x05"
_ASKED_SECONDS = 15.0
#: The longest message, in bytes, that OpenSSH's agent accepts.
_LONGEST = 256 * 1024

#: Returns the command that offers the socket of SSH_AUTH_SOCK on the build host. The argument is the value that the
#: host itself sets. The command first prints ``forwarded``, ``refused`` when sshd set no other value, or an error. It
#: ends when its stdin ends.
Offer = Callable[[str], Command]


class NotForwardedError(SshError):
    """Report that sshd on the build host forwards no agent."""

    kind = "ssh-agent-not-forwarded"


class Asking(Stream, Protocol):
    """Hold a connection to the agent's socket on the build host."""

    def close(self) -> None: ...


@contextmanager
def forwarded(connection: Connection, agent: str, offer: Offer) -> Iterator[None]:
    """Forward the agent whose socket is ``agent`` to the build host until the context ends.

    Raises LostError, and NotForwardedError when sshd forwards no agent.
    """
    ended = threading.Event()

    def answer(asking: Asking) -> None:
        threading.Thread(target=relay, args=(asking, agent, ended.is_set), daemon=True).start()

    own = _own_agent(connection)
    try:
        with connection.stream(offer(own), on_agent=answer) as stream:
            said = read_line(stream)
            if said != "forwarded":
                raise _not_forwarded(connection, said, own)
            yield
            ended.set()
            stream.shutdown(socket.SHUT_WR)
    finally:
        ended.set()


def _own_agent(connection: Connection) -> str:
    """Return SSH_AUTH_SOCK as the build host sets it without sshd.

    Call this before an agent is forwarded. sshd then sets the variable for every command of the connection.
    """
    asked = Command(("sh", "-c", 'echo "${SSH_AUTH_SOCK:-}"'), label="SSH_AUTH_SOCK")
    return connection.run(asked, timeout=_ASKED_SECONDS).stdout.strip()


def relay(asking: Asking, agent: str, should_stop: Callable[[], bool]) -> None:
    """Pass the two allowed kinds of request to the agent, and return its answers.

    End when the other side closes, or when ``should_stop`` returns True. Answer any other request with the protocol's
    failure.
    """
    hanging_up = contextlib.suppress(OSError, EOFError)
    with contextlib.closing(asking), hanging_up, socket.socket(socket.AF_UNIX) as ours:
        ours.connect(agent)
        while request := _message(asking):
            if should_stop():
                return
            if request[0] not in _PASSED:
                _send(asking, _FAILURE)
                continue
            _send(ours, request)
            answer = _message(ours)
            if not answer:
                return
            _send(asking, answer)


def _not_forwarded(connection: Connection, said: str, own: str) -> SshError:
    if not said and connection.is_lost():
        return LostError(f"ssh {connection.config}: connection lost", hint="invoke remote-check")
    if said != "refused":
        what = f"the host cannot offer the agent: {said or 'the command that offers it ended'}"
        return NotForwardedError(f"ssh {connection.config}: {what}", hint="invoke remote-check")
    note = f"; the host sets SSH_AUTH_SOCK={own}" if own else ""
    return NotForwardedError(
        f"ssh {connection.config}: sshd on the host forwards no agent, and the build mounts it{note}",
        hint="sudo sshd -T | grep -i forwarding, on the host: AllowAgentForwarding yes, and no restrict in "
        "authorized_keys; or build it without --remote",
    )


def _send(stream: Stream, message: bytes) -> None:
    stream.sendall(len(message).to_bytes(4, "big") + message)


def _message(stream: Stream) -> bytes:
    """Read the next message.

    Return an empty one at the stream's end, or if the message is longer than OpenSSH's agent accepts.
    """
    size = int.from_bytes(_read(stream, 4), "big")
    return _read(stream, size) if size <= _LONGEST else b""


def _read(stream: Stream, size: int) -> bytes:
    """Read ``size`` bytes. Return no bytes when the stream ends before them."""
    found = b""
    while len(found) < size:
        piece = stream.recv(size - len(found))
        if not piece:
            return b""
        found += piece
    return found
