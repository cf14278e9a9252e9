"""Remove orphans from the engine: containers, volumes and networks whose run was killed.

Everything that slipway creates for tests carries two labels: the run that it belongs to, and the process that owns it.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from slipway.core.image import RUN_LABEL
from slipway.smoke.containers import Client, remove, remove_network, remove_volume

OWNER_LABEL = "slipway.owner"
#: The engine's statuses for "not now": the engine is already removing the object, or the object is still in use.
_BUSY = (403, 409)
_PAUSE = 0.1


@dataclass(frozen=True)
class Orphan:
    """Hold a container, volume or network whose run was killed. ``remove`` raises the SDK's errors."""

    kind: str
    name: str
    remove: Callable[[], None]


def labels(run: str) -> dict[str, str]:
    """Return the labels of everything that this process creates for ``run``."""
    return {RUN_LABEL: run, OWNER_LABEL: owner()}


def owner() -> str:
    """Return this process as a label: machine, pid namespace, pid and start time.

    The start time makes a process with a reused pid another owner.
    """
    return f"{_here()} {os.getpid()} {_started(os.getpid())}"


def is_dead(label: str) -> bool:
    """Tell whether the owner named by ``label`` has ended.

    The answer is False for an owner on another machine or in another pid namespace.
    """
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


def remove_orphans(client: Client, *, dead: Callable[[str], bool] = is_dead, patience: float = 5.0) -> tuple[str, ...]:
    """Remove everything whose owner has ended according to ``dead``, and return the removed names.

    The engine may still be busy with an earlier removal. slipway retries for ``patience`` seconds. The next call
    removes the rest.
    """
    removed: dict[str, None] = {}
    deadline = time.monotonic() + patience
    while orphans := list(find_orphans(client, dead)):
        if time.monotonic() > deadline:
            return tuple(removed)
        for orphan in orphans:
            with _unless_busy():
                orphan.remove()
                removed[orphan.name] = None
        time.sleep(_PAUSE)
    return tuple(removed)


def find_orphans(client: Client, dead: Callable[[str], bool] = is_dead) -> Iterator[Orphan]:
    """Yield everything whose owner has ended according to ``dead``.

    Containers come first, because they use the volumes and networks.
    """
    mine = {"label": OWNER_LABEL}
    for found in client.api.containers(all=True, filters=mine):
        if dead(found["Labels"][OWNER_LABEL]):
            yield Orphan("container", found["Names"][0].lstrip("/"), partial(remove, client, found["Id"]))
    for found in client.api.volumes(filters=mine)["Volumes"] or ():
        if dead(found["Labels"][OWNER_LABEL]):
            yield Orphan("volume", found["Name"], partial(remove_volume, client, found["Name"]))
    for found in client.api.networks(filters=mine):
        if dead(found["Labels"][OWNER_LABEL]):
            yield Orphan("network", found["Name"], partial(remove_network, client, found["Id"]))


@contextmanager
def _unless_busy() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if getattr(getattr(error, "response", None), "status_code", 0) not in _BUSY:
            raise


def _here() -> str:
    """Return this machine's name and id, and the pid namespace; ``-`` stands for a missing id or namespace.

    Two machines with the same name may use the same engine, that of a build host. The first pid namespace has the same
    number on all machines.
    """
    machine = namespace = "-"
    with suppress(OSError):
        machine = Path("/etc/machine-id").read_text("ascii").strip() or "-"
    with suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {machine} {namespace}"


def _started(pid: int) -> str:
    """Return the start time of a process in the kernel's ticks; ``-`` where the kernel does not report it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return "-"
    return stat.rpartition(")")[2].split()[19]
