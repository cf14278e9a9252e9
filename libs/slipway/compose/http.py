"""Ask a port of this machine whether it speaks HTTP."""

from __future__ import annotations

import socket

_PATIENCE = 0.5


def speaks_http(address: str, port: int) -> bool:
    """Tell whether the server at a port answers a request in HTTP within half a second."""
    try:
        with socket.create_connection((address, port), _PATIENCE) as connection:
            connection.settimeout(_PATIENCE)
            connection.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            return connection.recv(5) == b"HTTP/"
    except OSError:
        return False
