"""Send a shipment into a run's own folder, hard-linked to the last good one, and compare it there before it is used.

rsync sends over a channel of the one connection. What it left is believed when its listing is the shipment's: the same
files and no other, byte for byte. If it is not, a file of equal size and time with other bytes may be the cause, so
everything is compared by content once; what differs then has changed here meanwhile.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from socket import socket

from slipway.core.command import Command, Result
from slipway.core.errors import SyncError, one_line
from slipway.core.problems import Known, Table
from slipway.hosts.remote.preflight import Ask
from slipway.hosts.remote.scripts import script
from slipway.hosts.remote.shipment import Shipment
from slipway.hosts.runner import Run
from slipway.hosts.ssh import rsync_shell
from slipway.hosts.ssh.connection import LostError, Stream
from slipway.hosts.ssh.reconnecting import ReconnectingConnection
from slipway.hosts.ssh.tunnel import tunnel, words_first

#: A side of rsync that hears nothing for so long gives up, in seconds.
SILENCE = 15
_TRIES = 3
_PARTIAL = ".slipway-partial"
_SENT = re.compile(r"Total bytes sent: ([\d,.]+)")
_FULL = Known(
    "disk-full",
    "No space left on device|Disk quota exceeded",
    hint="make room there: invoke remote-clean, docker system df",
)
RSYNC = Table("rsync", (_FULL,), Known("sync-failed", hint="invoke remote-check"))


@dataclass(frozen=True)
class Synced:
    """``sent``: bytes that left this machine, the protocol's own among them."""

    files: int
    sent: int


def rsync_command(shipment: Shipment, folder: str, good: Sequence[str], place: str, *, checksum: bool) -> Command:
    """``good``: folders there whose equal files are linked instead of sent."""
    python = sys.executable.replace("'", "''")
    shell = f"'{python}' -S -E '{rsync_shell.__file__}' '{place}'"
    flags = [
        *("--rsh", shell, "--files-from=-", "--from0", "--links", "--perms", "--times", "--omit-dir-times"),
        *("--secluded-args", "--compress", "--stats", f"--timeout={SILENCE}", f"--partial-dir={_PARTIAL}"),
        *(f"--link-dest={found}" for found in good),
    ]
    flags += ["--checksum"] * checksum
    argv = ("rsync", *flags, "--", f"{shipment.root}/", f"host:{folder}/")
    return Command(argv, env={"LC_ALL": "C"}, stdin=shipment.names, label=f"rsync {shipment.files} files")


def sync(shipment: Shipment, folder: str, good: Sequence[str], run: Run, connection: ReconnectingConnection) -> Synced:
    """``folder`` there holds exactly ``shipment``. Raises SyncError, LostError."""
    synced = send(shipment, folder, good, run, connection)
    if not compared(shipment, folder, connection.run):
        mend(shipment, folder, good, run, connection)
    return synced


def send(shipment: Shipment, folder: str, good: Sequence[str], run: Run, connection: ReconnectingConnection) -> Synced:
    """``folder`` there holds ``shipment`` by sizes and times: it is to be compared before it is used."""
    return Synced(shipment.files, _send(shipment, folder, good, run, connection, checksum=False))


def mend(shipment: Shipment, folder: str, good: Sequence[str], run: Run, connection: ReconnectingConnection) -> None:
    """What was sent differs: send it by content, and compare. Raises SyncError for what changes here meanwhile."""
    _send(shipment, folder, good, run, connection, checksum=True)
    if not compared(shipment, folder, connection.run):
        found = _differing(shipment, folder, connection.run)
        raise SyncError(f"{found} changed during sync", hint="run the same command again")


def _send(
    shipment: Shipment,
    folder: str,
    good: Sequence[str],
    run: Run,
    connection: ReconnectingConnection,
    *,
    checksum: bool,
) -> int:
    """Return the bytes sent. After a lost connection, reconnect and go on: no file is sent twice."""
    for left in reversed(range(_TRIES)):
        result = _rsync(shipment, folder, good, run, connection, checksum)
        if connection.alive or not left:
            break
        connection.renew(
            LostError(f"ssh {connection.config}: connection lost during sync", hint="run the same command again")
        )
    _check(result, folder)
    return _bytes(result.stdout)


def _rsync(
    shipment: Shipment, folder: str, good: Sequence[str], run: Run, connection: ReconnectingConnection, checksum: bool
) -> Result:
    """Both halves of it: what could not be written there is told by the exit status of the other half alone."""
    said: list[str] = []
    ended: list[int] = []

    def joined(client: socket) -> AbstractContextManager[Stream]:
        return connection.stream(words_first(client), said.append, ended.append)

    with tunnel(joined) as place:
        here = run(rsync_command(shipment, folder, good, place, checksum=checksum))
    there = next(filter(None, ended), 0)
    return replace(here, exit_code=here.exit_code or there, stderr="\n".join((*said, here.stderr)))


def compared(shipment: Shipment, folder: str, ask: Ask) -> bool:
    """Whether the listing of ``folder`` there is the shipment's."""
    result = ask(_listing(folder))
    return result.ok and result.stdout.strip() == shipment.listed


def _listing(folder: str, *more: str) -> Command:
    return script("listing", folder, *more)


def _differing(shipment: Shipment, folder: str, ask: Ask) -> str:
    """The first path that is not as it should be."""
    lines = [*shipment.outline(), *shipment.contents()]
    wanted = {line.rstrip(b"\0").decode("utf-8", "replace") for line in lines}
    found = set(ask(_listing(folder, "whole")).stdout.split("\0")) - {""}
    odd = sorted(wanted ^ found, key=lambda text: text.startswith("./"))
    return one_line(re.sub(r"^[0-9a-f]{64} [ *]|\t.*", "", odd[0]).removeprefix("./")) if odd else folder


def _check(result: Result, folder: str) -> None:
    if result.ok:
        return
    words = [text for text in result.stderr.splitlines() if text.strip()]
    cause = next((text for text in words if _FULL.matches(text)), words[0] if words else "")
    quoted = cause or f"exit code {result.exit_code}"
    raise SyncError.of([RSYNC.find(cause).problem(f"rsync to {folder}", quoted)])


def _bytes(stdout: str) -> int:
    found = _SENT.search(stdout)
    return int(re.sub(r"[,.]", "", found[1])) if found else 0
