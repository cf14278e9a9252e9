"""Read which TCP ports a Linux machine listens on.

Source of the format: proc_net_tcp.rst of the Linux kernel's documentation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTENING = "0A"


def listening(table: str) -> frozenset[int]:
    """Return the ports on which something listens, from the text of one or both of ``TABLES``."""
    return frozenset(_ports(table))


def listening_here() -> frozenset[int]:
    """Return the ports on which something listens on this machine; none where the kernel has no such list."""
    found: frozenset[int] = frozenset()
    for path in TABLES:
        with contextlib.suppress(OSError):
            found |= listening(Path(path).read_text("ascii"))
    return found


def _ports(table: str) -> Iterator[int]:
    for line in table.splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[3] == _LISTENING:
            yield int(fields[1].rpartition(":")[2], 16)
