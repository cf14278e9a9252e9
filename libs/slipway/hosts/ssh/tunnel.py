"""A socket here whose every connection goes on there: the engine's API, rsync's other half, a registry.

Only this user can reach it: it lies in a folder of its own, mode 0700, that goes with it.
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

#: The engine's API by docker's own way to it, which heeds the context in use there.
ENGINE = Command(("docker", "system", "dial-stdio"), label="engine")


_PREFIX = "slipway-"
#: What a socket's path may hold everywhere, less our own part of it.
_LONGEST_FOLDER = 104 - 32

#: What a client that has come is joined to.
Open = Callable[[socket.socket], AbstractContextManager[Stream]]


def first_words(client: socket.socket) -> bytes:
    """What the client says before anything else, ended by NUL."""
    said = b""
    while not said.endswith(b"\0"):
        piece = client.recv(1)
        if not piece:
            raise OSError("hung up before it said what it wants")
        said += piece
    return said[:-1]


def words_first(client: socket.socket) -> Command:
    """The client begins with a shell's line: see ``line.py``."""
    return Command(("sh", "-c", os.fsdecode(first_words(client))), label="rsync")


def port_first(client: socket.socket) -> int:
    """The client begins with a port's number."""
    said = first_words(client)
    if not said.isdigit():
        raise OSError(f"{said!r} is no port")
    return int(said)


@contextmanager
def tunnel(open_stream: Open) -> Iterator[str]:
    """The socket's path while this holds."""
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
    """Remove the folders of those who were killed; a living one's stay."""
    for folder in Path(place).glob(f"{_PREFIX}*-*"):
        process = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if process.isdigit() and folder.stat().st_uid == os.geteuid() and not lives(int(process)):
                shutil.rmtree(folder, ignore_errors=True)


def serve(listener: socket.socket, open_stream: Open) -> None:
    """Join each connection to the stream that is opened for it, until the listener is closed."""
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_join, args=(client, open_stream), daemon=True).start()


def _join(client: socket.socket, open_stream: Open) -> None:
    """What cannot be opened is hung up: whoever asked tells it as an engine that does not answer."""
    with client, contextlib.suppress(SshError, OSError):
        try:
            with open_stream(client) as stream:
                sending = threading.Thread(target=_send, args=(client, stream), daemon=True)
                sending.start()
                while data := stream.recv(PIECE):
                    client.sendall(data)
                # The client hears of the end when all is known of it, and not before.
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RD)
                sending.join()
        finally:
            # Closing alone would not wake the thread that waits for the client's words, and so not hang up.
            client.shutdown(socket.SHUT_RDWR)


def _send(client: socket.socket, stream: Stream) -> None:
    with contextlib.suppress(OSError, EOFError):
        while data := client.recv(PIECE):
            stream.sendall(data)
    with contextlib.suppress(OSError, EOFError):
        stream.shutdown(socket.SHUT_WR)
