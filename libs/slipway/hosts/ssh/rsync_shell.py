"""rsync's remote shell: joins its stdin and stdout to a socket, whose other end is a channel of the connection.

Run by rsync, as a file, by a Python without site-packages: ``line.py SOCKET HOST WORDS…``. The words, which rsync has
quoted for a shell, go ahead with a NUL. It ends as soon as the channel does, or rsync would wait for ever.
"""

import os
import select
import socket
import sys

PIECE = 65536


def main(path: str, words: list[str]) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.connect(path)
        channel.sendall(os.fsencode(" ".join(words)) + b"\0")
        return pump(channel)


def pump(channel: socket.socket) -> int:
    sources = [channel.fileno(), 0]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if 0 in ready:
            data = os.read(0, PIECE)
            try:
                if data:
                    channel.sendall(data)
                else:
                    channel.shutdown(socket.SHUT_WR)
            except OSError:  # the other half has ended: what it said last is still to be read
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
