"""Send files into a run's own folder, hard-linked to the last verified one, and compare them before they are used.

rsync sends over a channel of the SSH connection. slipway trusts the folder when its listing equals the manifest's: the
same files and no other, byte for byte. A difference may come from a file of equal size and time with other bytes. In
that case slipway sends again, once, and rsync compares everything by content. A file that still differs has changed on
this machine meanwhile.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from socket import socket

from slipway.core.command import Command, Result
from slipway.core.errors import SyncError, one_line
from slipway.core.problems import Known, Table
from slipway.hosts.remote.file_manifest import FileManifest
from slipway.hosts.remote.preflight import RunOnHost
from slipway.hosts.remote.scripts import script
from slipway.hosts.runner import RunCommand
from slipway.hosts.ssh import rsync_shell
from slipway.hosts.ssh.connection import LostError, Stream
from slipway.hosts.ssh.local_forwarding import forward, line_first
from slipway.hosts.ssh.reconnecting import ReconnectingConnection

#: Seconds after which each side of rsync ends if it receives nothing.
SILENCE = 15
_TRIES = 3
_PARTIAL = ".slipway-partial"
_SENT = re.compile(r"Total bytes sent: ([\d,.]+)")
_FULL = Known(
    "disk-full",
    "No space left on device|Disk quota exceeded",
    hint="free space on the host: invoke remote-clean, docker system df",
)
RSYNC = Table("rsync", (_FULL,), Known("sync-failed", hint="invoke remote-check"))


@dataclass(frozen=True)
class Synced:
    """Hold the number of ``files``, and the bytes ``sent`` from this machine, including rsync's protocol."""

    files: int
    sent: int


def rsync_command(manifest: FileManifest, folder: str, good: Sequence[str], place: str, *, checksum: bool) -> Command:
    """Return the rsync command that sends the files of ``manifest`` to ``folder``.

    ``good``: folders on the build host; rsync links their equal files instead of sending them. ``place``: the socket
    of the remote shell. ``checksum``: compare by content, not by size and time.
    """
    python = sys.executable.replace("'", "''")
    shell = f"'{python}' -S -E '{rsync_shell.__file__}' '{place}'"
    flags = [
        *("--rsh", shell, "--files-from=-", "--from0", "--links", "--perms", "--times", "--omit-dir-times"),
        *("--secluded-args", "--compress", "--stats", f"--timeout={SILENCE}", f"--partial-dir={_PARTIAL}"),
        *(f"--link-dest={found}" for found in good),
    ]
    flags += ["--checksum"] * checksum
    flags += [f"--chmod={manifest.chmod}"] * bool(manifest.chmod)
    argv = ("rsync", *flags, "--", f"{manifest.root}/", f"host:{folder}/")
    return Command(argv, env={"LC_ALL": "C"}, stdin=manifest.names, label=f"rsync {manifest.files} files")


#: Returns the command for the build host that runs a shell line there; the line starts rsync.
OnHost = Callable[[str], Command]


def _in_sh(line: str) -> Command:
    return Command(("sh", "-c", line), label="rsync")


def sync(
    manifest: FileManifest, folder: str, good: Sequence[str], run: RunCommand, connection: ReconnectingConnection
) -> Synced:
    """Make ``folder`` on the build host hold exactly the files of ``manifest``. Raises SyncError, LostError."""
    synced = send(manifest, folder, good, run, connection)
    if not compared(manifest, folder, connection.run):
        sync_again(manifest, folder, good, run, connection)
    return synced


def send(
    manifest: FileManifest,
    folder: str,
    good: Sequence[str],
    run: RunCommand,
    connection: ReconnectingConnection,
    on_host: OnHost = _in_sh,
) -> Synced:
    """Send the files whose size or time differs. ``on_host`` may prepare ``folder`` before it starts rsync.

    The caller must compare ``folder`` by content before it is used.
    """
    return Synced(manifest.files, _send(manifest, folder, good, run, connection, on_host, checksum=False))


def sync_again(
    manifest: FileManifest, folder: str, good: Sequence[str], run: RunCommand, connection: ReconnectingConnection
) -> None:
    """Send again, with a comparison by content, and verify the result.

    Raises SyncError when a file changed on this machine meanwhile.
    """
    _send(manifest, folder, good, run, connection, _in_sh, checksum=True)
    if not compared(manifest, folder, connection.run):
        found = _differing(manifest, folder, connection.run)
        raise SyncError(f"{found} changed during sync", hint="run the same command again")


def _send(
    manifest: FileManifest,
    folder: str,
    good: Sequence[str],
    run: RunCommand,
    connection: ReconnectingConnection,
    on_host: OnHost,
    *,
    checksum: bool,
) -> int:
    """Return the bytes sent. After a lost connection, reconnect and continue. rsync sends no complete file again."""
    for left in reversed(range(_TRIES)):
        result = _rsync(manifest, folder, good, run, connection, on_host, checksum)
        if connection.alive or not left:
            break
        connection.renew(
            LostError(f"ssh {connection.config}: connection lost during sync", hint="run the same command again")
        )
    _check(result, folder)
    return _bytes(result.stdout)


def _rsync(
    manifest: FileManifest,
    folder: str,
    good: Sequence[str],
    run: RunCommand,
    connection: ReconnectingConnection,
    on_host: OnHost,
    checksum: bool,
) -> Result:
    """Run rsync on both sides.

    A write error on the build host appears only in the exit status of the remote rsync.
    """
    said: list[str] = []
    ended: list[int] = []

    def joined(client: socket) -> AbstractContextManager[Stream]:
        return connection.stream(on_host(line_first(client)), said.append, ended.append)

    with forward(joined) as place:
        here = run(rsync_command(manifest, folder, good, place, checksum=checksum))
    there = next(filter(None, ended), 0)
    return replace(here, exit_code=here.exit_code or there, stderr="\n".join((*said, here.stderr)))


def compared(manifest: FileManifest, folder: str, ask: RunOnHost) -> bool:
    """Tell whether the listing of ``folder`` on the build host equals the manifest's."""
    result = ask(_listing(folder))
    return result.ok and result.stdout.strip() == manifest.listed


def _listing(folder: str, *more: str) -> Command:
    return script("listing", folder, *more)


def _differing(manifest: FileManifest, folder: str, ask: RunOnHost) -> str:
    """Return the first path that differs from the manifest."""
    lines = [*manifest.outline(), *manifest.contents()]
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
