"""Ask this machine which of its ports are taken, and whether a port speaks HTTP."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from slipway.compose.ports import listening

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_PATIENCE = 0.5


def listening_here() -> frozenset[int]:
    """Return the TCP ports on which something listens on this machine; none where the kernel has no such list."""
    return listening(_tables())


def _tables() -> Iterator[str]:
    for path in _TABLES:
        with contextlib.suppress(OSError):
            yield Path(path).read_text("ascii")


def speaks_http(address: str, port: int) -> bool:
    """Tell whether the server at a port answers a request in HTTP within half a second."""
    try:
        with socket.create_connection((address, port), _PATIENCE) as connection:
            connection.settimeout(_PATIENCE)
            connection.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            return connection.recv(5) == b"HTTP/"
    except OSError:
        return False
