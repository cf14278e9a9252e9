"""Ask OpenSSH's master for sessions over its connection, by the protocol of OpenSSH's file PROTOCOL.mux, version 4.

The master is the process ``ssh`` that holds a connection and listens at ControlPath. A client sends it descriptors; the
master joins them to a channel. When the client closes its socket, the master closes the channel.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from enum import IntEnum
from typing import cast

from slipway.core.streams import Readable, Writable

_VERSION = 4
_HEAD = 4
#: The longest answer, in bytes: a failure holds a line of text.
_LONGEST = 64 * 1024
_MILLISECONDS = 1000


class Message(IntEnum):
    """Name the messages of the protocol that slipway sends and receives."""

    HELLO = 0x00000001
    NEW_SESSION = 0x10000002
    NEW_STDIO_FORWARD = 0x10000008
    PERMISSION_DENIED = 0x80000002
    FAILURE = 0x80000003
    EXIT = 0x80000004
    SESSION_OPENED = 0x80000006


class RefusedError(Exception):
    """Report that the master refuses a session; the text is its reason."""


class Session:
    """Hold a command on the build host, or a TCP connection from it: a ``Stream``, and a ``session.Session``."""

    def __init__(
        self, control: socket.socket, stdin: socket.socket, stdout: socket.socket, stderr: socket.socket
    ) -> None:
        self._control = control
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr
        self._status = -1
        self._has_ended = False

    def recv(self, size: int, /) -> bytes:
        return self._stdout.recv(size)

    def sendall(self, data: bytes, /) -> None:
        self._stdin.sendall(data)

    def shutdown(self, how: int, /) -> None:
        if how in (socket.SHUT_WR, socket.SHUT_RDWR):
            self._stdin.shutdown(socket.SHUT_RDWR)
        if how in (socket.SHUT_RD, socket.SHUT_RDWR):
            self._stdout.shutdown(socket.SHUT_RDWR)

    def stdin(self) -> Writable:
        return _Closing(self._stdin)

    def stdout(self) -> Readable:
        return cast(Readable, self._stdout.makefile("rb"))

    def stderr(self) -> Readable:
        return cast(Readable, self._stderr.makefile("rb"))

    def wait(self, seconds: float, /) -> bool:
        """Wait for the session's end, at most ``seconds``. Tell whether it has ended."""
        deadline = time.monotonic() + seconds
        while not self._has_ended and readable(self._control, deadline - time.monotonic()):
            try:
                kind, body = _receive(self._control)
            except OSError:
                self._has_ended = True
                break
            if kind == Message.EXIT:
                self._status, self._has_ended = int.from_bytes(body[4:8], "big"), True
        return self._has_ended

    def exit_code(self) -> int:
        """Return the exit status of the command, −1 when it reported none."""
        return self._status

    def has_output(self, seconds: float) -> bool:
        """Wait for output, at most ``seconds``. Tell whether there is some, or the output has ended."""
        return readable(self._stdout, seconds)

    def close(self) -> None:
        """End the session, also for threads that wait for it."""
        for end in (self._control, self._stdin, self._stdout, self._stderr):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class _Closing:
    """Write to a socket; ``close`` ends the input of the command, and not the session."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def write(self, data: bytes, /) -> None:
        self._end.sendall(data)

    def close(self) -> None:
        self._end.shutdown(socket.SHUT_WR)


@dataclass(frozen=True)
class Master:
    """Hold the place of OpenSSH's master. ``path``: its socket. ``user``: the id of the user who may own that."""

    path: str
    user: int

    def greet(self, seconds: float) -> socket.socket:
        """Connect to the master, and exchange versions with it.

        Raises OSError when none answers within ``seconds``, or when the socket belongs to another user: that one could
        read everything. ssh itself does not look.
        """
        with ExitStack() as opened:
            control = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            if os.lstat(self.path).st_uid != self.user:
                raise PermissionError(f"{self.path} belongs to another user")
            control.settimeout(seconds)
            control.connect(self.path)
            _send(control, Message.HELLO, _number(_VERSION))
            kind, body = _receive(control)
            if kind != Message.HELLO or int.from_bytes(body[:4], "big") != _VERSION:
                raise ConnectionError(f"{self.path} does not speak version {_VERSION} of OpenSSH's protocol")
            opened.pop_all()
            return control

    def run(self, line: bytes, seconds: float) -> Session:
        """Run ``line`` by the user's login shell on the build host.

        Raises RefusedError when sshd refuses the session, OSError when the master does not answer within ``seconds``.
        """
        without = b"".join(_number(0) for _ in ("terminal", "X11", "agent", "subsystem"))
        escape = _number(0xFFFFFFFF)
        return self._open(Message.NEW_SESSION, _text(b"") + without + escape + _text(b"") + _text(line), seconds)

    def reach(self, host: str, port: int, seconds: float) -> Session:
        """Connect from the build host to a TCP port. Raises as ``run`` does."""
        where = _text(b"") + _text(os.fsencode(host)) + _number(port)
        return self._open(Message.NEW_STDIO_FORWARD, where, seconds)

    def _open(self, kind: Message, body: bytes, seconds: float) -> Session:
        with ExitStack() as opened, ExitStack() as passed:
            control = opened.enter_context(self.greet(seconds))
            pairs = [socket.socketpair() for _ in ("stdin", "stdout", "stderr")]
            ours = [opened.enter_context(pair[0]) for pair in pairs]
            theirs = [passed.enter_context(pair[1]) for pair in pairs]
            _send(control, kind, _number(0) + body)
            for end in theirs if kind is Message.NEW_SESSION else theirs[:2]:
                socket.send_fds(control, [b"\0"], [end.fileno()])
            answer, said = _receive(control)
            if answer != Message.SESSION_OPENED:
                raise RefusedError(_reason(said) or f"ssh's master answers {answer:#x}")
            control.settimeout(None)
            opened.pop_all()
            return Session(control, *ours)


def _reason(body: bytes) -> str:
    """Return the text of a refusal, which follows the number of the request and its own length."""
    return body[8:].decode("utf-8", "replace")


def readable(end: socket.socket, seconds: float) -> bool:
    """Wait until ``end`` has data or has ended, at most ``seconds``. Tell whether that is so."""
    if end.fileno() < 0:
        return True
    asking = select.poll()
    asking.register(end, select.POLLIN)
    return bool(asking.poll(max(0.0, seconds) * _MILLISECONDS))


def _send(control: socket.socket, kind: Message, body: bytes) -> None:
    control.sendall(_text(_number(kind) + body))


def _receive(control: socket.socket) -> tuple[int, bytes]:
    """Return kind and body of the next message. Raises OSError for a broken message, and at the end."""
    size = int.from_bytes(_read(control, _HEAD), "big")
    if not _HEAD <= size <= _LONGEST:
        raise ConnectionError(f"a message of {size} bytes")
    message = _read(control, size)
    return int.from_bytes(message[:_HEAD], "big"), message[_HEAD:]


def _read(control: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = control.recv(size - len(found))
        if not piece:
            raise ConnectionError("ssh's master closed its socket")
        found += piece
    return found


def _number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _text(value: bytes) -> bytes:
    return _number(len(value)) + value
