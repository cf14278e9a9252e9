"""Connect rsync's stdin and stdout to a socket, whose other end is a channel of the SSH connection.

rsync runs this file as its remote shell, in a Python without site-packages: ``rsync_shell.py SOCKET HOST WORDS…``. The
words, which rsync has quoted for a shell, go first, followed by a NUL. The program ends when the channel ends, because
rsync would wait for it forever. It imports as little as possible: rsync waits for its start.
"""

import _socket
import os
import select
import sys

PIECE = 65536


def main(path: str, words: list[str]) -> int:
    channel = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    channel.connect(path)
    channel.sendall(os.fsencode(" ".join(words)) + b"\0")
    return pump(channel)


def pump(channel: _socket.socket) -> int:
    sources = [channel.fileno(), 0]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if 0 in ready:
            data = os.read(0, PIECE)
            try:
                if data:
                    channel.sendall(data)
                else:
                    channel.shutdown(_socket.SHUT_WR)
            except OSError:  # the remote rsync has ended; read its last output
                data = b""
            if not data:
                sources.remove(0)
        if channel.fileno() in ready:
            data = channel.recv(PIECE)
            if not data:
                return 0
            view = memoryview(data)
            while view:
                view = view[os.write(1, view) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[3:]))
