"""What a killed run left behind: told from what a living one needs, and removed.

All that is made for tests carries two labels: the run it belongs to and the process that owns it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from slipway.containers import Client, remove, remove_network, remove_volume
from slipway.model import RUN_LABEL

OWNER_LABEL = "slipway.owner"


def labels(run: str) -> dict[str, str]:
    """The labels of everything made for ``run`` by this process."""
    return {RUN_LABEL: run, OWNER_LABEL: owner()}


def owner() -> str:
    """This process: host, pid namespace, pid and start time, so that a reused pid is another owner."""
    return f"{_here()} {os.getpid()} {_started(os.getpid())}"


def is_dead(label: str) -> bool:
    """Whether the owner named by ``label`` has ended. An owner on another host is never called dead."""
    try:
        *here, number, started = label.split(" ")
        pid = int(number)
    except ValueError:
        return False
    if " ".join(here) != _here():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return _started(pid) != started


def sweep(client: Client, *, dead: Callable[[str], bool] = is_dead) -> tuple[str, ...]:
    """Remove what runs left behind whose owner ``dead`` calls dead; returns the names removed."""
    mine = {"label": OWNER_LABEL}
    swept: list[str] = []
    for found in client.api.containers(all=True, filters=mine):
        if dead(found["Labels"][OWNER_LABEL]):
            remove(client, found["Id"])
            swept.append(found["Names"][0].lstrip("/"))
    for found in client.api.volumes(filters=mine)["Volumes"] or ():
        if dead(found["Labels"][OWNER_LABEL]):
            remove_volume(client, found["Name"])
            swept.append(found["Name"])
    for found in client.api.networks(filters=mine):
        if dead(found["Labels"][OWNER_LABEL]):
            remove_network(client, found["Id"])
            swept.append(found["Name"])
    return tuple(swept)


def _here() -> str:
    """This host, and the pid namespace where there is such a thing."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = "-"
    return f"{socket.gethostname()} {namespace}"


def _started(pid: int) -> str:
    """When the process began, in the kernel's ticks; ``-`` where the kernel does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return "-"
    return stat.rpartition(")")[2].split()[19]
