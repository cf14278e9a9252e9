"""Open a socket on this machine whose connections continue on the build host.

They lead to the engine's API, the remote rsync, a registry or a published port. Only this user can reach the socket.
It is in its own folder, mode 0700, which is removed with it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from slipway.core.command import Command
from slipway.core.errors import SshError
from slipway.core.process import lives
from slipway.hosts.ssh.connection import PIECE, Stream

#: Connects to the engine's API as docker's CLI does, with the Docker context in use on the build host.
ENGINE = Command(("docker", "system", "dial-stdio"), label="engine")


_PREFIX = "slipway-"
#: The most bytes for the folder: every system allows a socket's path of 104, and slipway's own part needs up to 32.
_LONGEST_FOLDER = 104 - 32

LOOPBACK = "127.0.0.1"
_REACHED_SECONDS = 30.0

#: Opens the stream for a client that has connected.
Open = Callable[[socket.socket], AbstractContextManager[Stream]]


def first_words(client: socket.socket) -> bytes:
    """Read the client's first bytes up to a NUL, and return them without it. Raises OSError when it closes before."""
    said = b""
    while not said.endswith(b"\0"):
        piece = client.recv(1)
        if not piece:
            raise OSError("the client closed the connection before its request")
        said += piece
    return said[:-1]


def line_first(client: socket.socket) -> str:
    """Read a shell line from the client, which ``rsync_shell.py`` sends first."""
    return os.fsdecode(first_words(client))


def port_first(client: socket.socket) -> int:
    """Read a port number from the client, which sends it first. Raises OSError for any other text."""
    said = first_words(client)
    if not said.isdigit():
        raise OSError(f"{said!r} is not a port")
    return int(said)


@contextmanager
def forward(open_stream: Open) -> Iterator[str]:
    """Yield the path of a socket until the context ends.

    Each connection to it is joined to a stream of ``open_stream``.
    """
    place = tempfile.gettempdir()
    place = place if len(os.fsencode(place)) <= _LONGEST_FOLDER else "/tmp"
    _sweep(place)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(folder / "s"))
        listener.listen(64)
        threading.Thread(target=serve, args=(listener, open_stream), daemon=True).start()
        yield str(folder / "s")
    finally:
        # Closing alone would not wake the thread that waits for a connection.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(place: str) -> None:
    """Remove this user's folders whose process was killed. Keep the folders of running processes."""
    for folder in Path(place).glob(f"{_PREFIX}*-*"):
        process = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if process.isdigit() and folder.stat().st_uid == os.geteuid() and not lives(int(process)):
                shutil.rmtree(folder, ignore_errors=True)


def listen(ports: str, published: int, *, near: int = 0) -> int:
    """Listen on a port of 127.0.0.1 that leads to the port ``published`` of a build host. Return its number.

    ``ports``: a socket of ``forward`` whose clients send the port first. ``near``: the preferred number; another one
    where it is taken. It listens as long as this process lives.
    """
    try:
        listener = socket.create_server((LOOPBACK, near))
    except OSError:
        listener = socket.create_server((LOOPBACK, 0))
    threading.Thread(target=serve, args=(listener, _joined(ports, published)), daemon=True).start()
    return int(listener.getsockname()[1])


def _joined(ports: str, published: int) -> Open:
    @contextmanager
    def joined(client: socket.socket) -> Iterator[socket.socket]:
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as way:
            way.settimeout(_REACHED_SECONDS)
            way.connect(ports)
            way.sendall(b"%d\0" % published)
            way.settimeout(None)
            yield way

    return joined


def serve(listener: socket.socket, open_stream: Open) -> None:
    """Join each connection to the stream that is opened for it, until the listener is closed."""
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_join, args=(client, open_stream), daemon=True).start()


def _join(client: socket.socket, open_stream: Open) -> None:
    """Join a client to its stream until the stream ends.

    If the stream cannot be opened, close the client's connection. A client of the engine's API then reports an engine
    that does not answer.
    """
    with client, contextlib.suppress(SshError, OSError):
        try:
            with open_stream(client) as stream:
                sending = threading.Thread(target=_send, args=(client, stream), daemon=True)
                sending.start()
                while data := stream.recv(PIECE):
                    client.sendall(data)
                # Stop only reading. The client must not see the end before ``open_stream`` has the exit status.
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RD)
                sending.join()
        finally:
            # Closing alone would not wake the thread that reads from the client, so the connection would stay open.
            client.shutdown(socket.SHUT_RDWR)


def _send(client: socket.socket, stream: Stream) -> None:
    with contextlib.suppress(OSError, EOFError):
        while data := client.recv(PIECE):
            stream.sendall(data)
    with contextlib.suppress(OSError, EOFError):
        stream.shutdown(socket.SHUT_WR)
