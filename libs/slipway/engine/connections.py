"""Connect to an engine: to its socket, or by ssh to docker's client on the engine's machine.

slipway runs OpenSSH's ssh as docker's CLI does, so that ssh's configuration applies, and ssh asks the user nothing.
The docker SDK itself connects to a port, with or without TLS.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable
from typing import Protocol

from slipway.core.command import Command, Result
from slipway.core.errors import PrerequisiteError
from slipway.engine.address import Endpoint, Tls
from slipway.engine.failures import bad_certificate, unusable, unusable_over_ssh

#: The same timeout as in docker's CLI.
_SSH_SECONDS = 30
_ENDED_SECONDS = 5.0
_FORM = re.compile(r"ssh://(?:(?P<user>[^@/:]+)@)?(?P<host>\[[^\]]+\]|[^@/:\[\]]+)(?::(?P<port>\d+))?(?P<path>/.*)?")
_PING = b"GET /_ping HTTP/1.1\r\nHost: engine\r\n\r\n"
_PONG = re.compile(rb"HTTP/1\.1 200 .*\r\n\r\nOK", re.DOTALL)

#: Makes a connection that may be silent for that many seconds.
Connect = Callable[[float], socket.socket]


class Piped(Protocol):
    """Hold a started command. ``socket`` is its standard input and output."""

    @property
    def socket(self) -> socket.socket: ...

    def ended(self, within: float) -> Result: ...


#: Starts a command with a socket as its standard input and output.
Start = Callable[[Command], Piped]


def connecting(endpoint: Endpoint, start: Start | None) -> Connect | None:
    """Return the function that connects to the engine; None where the docker SDK connects."""
    if endpoint.address.startswith("unix://"):
        return _to_socket(endpoint.address.removeprefix("unix://"))
    if endpoint.address.startswith("ssh://") and start:
        return _by_ssh(endpoint, start)
    return None


def _to_socket(path: str) -> Connect:
    def connect(seconds: float) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(seconds)
        try:
            made.connect(path)
        except OSError:
            made.close()
            raise
        return made

    return connect


def _by_ssh(endpoint: Endpoint, start: Start) -> Connect:
    """Connect by ssh, and ping the engine over each new connection: ssh itself does not report success."""
    login, there = ssh_words(endpoint)

    def connect(seconds: float) -> socket.socket:
        piped = start(Command((*login, *there), label="ssh"))
        piped.socket.settimeout(seconds)
        try:
            if _answers(piped.socket):
                return piped.socket
        except TimeoutError as error:
            piped.socket.close()
            raise unusable(endpoint, error, seconds=seconds) from None
        piped.socket.close()
        result = piped.ended(_ENDED_SECONDS)
        words = [word for word in login[5:] if word not in ("-T", "--")]
        raise unusable_over_ssh(endpoint, result.exit_code, result.stderr, " ".join(("ssh", *words)))

    return connect


def ssh_words(endpoint: Endpoint) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words that log in to the engine's machine, and the words of the command to run on it.

    Raises PrerequisiteError for an invalid address.
    """
    found = _FORM.fullmatch(endpoint.address)
    if not found or any((found[part] or "").startswith("-") for part in ("user", "host")):
        raise PrerequisiteError(f"{endpoint}: not ssh://[user@]host[:port]", hint="DOCKER_HOST=ssh://me@builder")
    words = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={_SSH_SECONDS}", "-T"]
    words += ["-l", found["user"]] if found["user"] else []
    words += ["-p", found["port"]] if found["port"] else []
    path = (found["path"] or "").rstrip("/")
    host = ("--host", f"unix://{path}") if path else ()
    return (*words, "--", found["host"].strip("[]")), ("docker", *host, "system", "dial-stdio")


def _answers(way: socket.socket) -> bool:
    """Tell whether the engine answers a ping.

    The whole answer is read, so that none of it stays in the connection.
    """
    said = b""
    try:
        way.sendall(_PING)
        while not _PONG.fullmatch(said):
            piece = way.recv(4096)
            if not piece:
                return False
            said += piece
    except ConnectionError:
        return False
    return True


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Return a TLS context that follows the rules of docker's client.

    Raises PrerequisiteError for files without a usable certificate or key.
    """
    file = tls.ca
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.cert or tls.key:
            file = tls.key if not tls.cert or not tls.key else tls.cert
            context.load_cert_chain(tls.cert or "", tls.key, password="")
    except (OSError, ValueError) as error:
        raise bad_certificate(tls, file, error) from None
    # Go accepts a CA without an Authority Key Identifier, and any certificate of the file as a trust anchor.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
