"""Give a build host copies of the files that a system's containers mount.

On the build host, ``<project>/systems/<system>/`` contains them, and only its user can enter that folder:

- ``<name>/<file or folder>``: a complete copy. Other content gets another name, so compose replaces the containers that
  mount it, and no file changes below a running container.
- ``<name>.part``: a copy that slipway is sending
- ``job``: the process that lives while a client brings the system up, see ``hold.sh``
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from slipway.core.command import Command
from slipway.core.errors import SlipwayError, SyncError
from slipway.core.units import size
from slipway.hosts.host import MountSource, Say
from slipway.hosts.remote.connected import ConnectedHost
from slipway.hosts.remote.mount_copy import MountCopy
from slipway.hosts.remote.preflight import refuse_little_room
from slipway.hosts.remote.scripts import script
from slipway.hosts.remote.sync import sync
from slipway.hosts.runner import RunCommand
from slipway.hosts.ssh.connection import Connection, LostError, read_line
from slipway.hosts.ssh.reconnecting import PATIENCE

_HELD = "held"
#: rsync has given the folder the mode of the folder on this machine. After a lost connection slipway runs this again.
_COMPLETE = 'chmod 700 -- "$2" && mv -T -- "$2" "$1" || test -d "$1"'
_SECONDS = 60.0
#: Seconds for which slipway tries to reconnect to remove incomplete copies. A user who pressed Ctrl-C must not wait.
_PATIENCE = 3.0


@dataclass(frozen=True)
class RemoteMounts:
    """Give the build host the ``copies`` for ``system``. ``project``: the folder of the repository's runs."""

    host: ConnectedHost
    project: str
    system: str
    copies: Mapping[MountSource, MountCopy]
    rsync: RunCommand = field(repr=False)
    say: Say = field(repr=False)

    @property
    def folder(self) -> str:
        return f"{self.project}/systems/{self.system}"

    @property
    def paths(self) -> Mapping[MountSource, str]:
        return {source: f"{self.folder}/{copy.path}" for source, copy in self.copies.items()}

    @contextmanager
    def given(self) -> Iterator[None]:
        """Send the copies that the build host does not have, and keep them from removal during the block.

        Raises SyncError, SshError, and PrerequisiteError when the build host has too little disk space.
        """
        if not self.copies:
            yield
            self.remove()
            return
        copies = {copy.name: copy for copy in self.copies.values()}
        complete: set[str] = set()
        command = script("hold", self.project, self.system, *copies)
        with self.host.connection.keep(lambda connection: _held(connection, command, complete)):
            missing = [copy for copy in copies.values() if copy.name not in complete]
            try:
                self._send(missing)
            except BaseException:
                with suppress(SlipwayError):
                    names = (word for copy in missing for word in ("-o", "-name", copy.name))
                    self._clear("(", "-name", "*.part", *names, ")", patience=_PATIENCE)
                raise
            yield
        self._clear(*(word for name in (*copies, "job") for word in ("!", "-name", name)))

    def remove(self) -> None:
        """Remove the system's files, and those of all systems that nothing uses any more.

        Report a file that its user cannot remove, because a container made it.
        """
        result = self.host.connection.run(script("unmount", self.project, self.system), timeout=_SECONDS)
        for line in result.stdout.splitlines():
            self.say(f"{self.host.name}: {line}")

    def _send(self, copies: Sequence[MountCopy]) -> None:
        weight = sum(copy.manifest.weight for copy in copies)
        refuse_little_room(self.host.facts, weight, ())
        connection = self.host.connection
        for copy in copies:
            part = f"{self.folder}/{copy.name}.part"
            sync(copy.manifest, part, (), self.rsync, connection)
            words = (f"{self.folder}/{copy.name}", part)
            result = connection.run(Command(("sh", "-c", _COMPLETE, "sh", *words), label="mv"), timeout=_SECONDS)
            if not result.ok:
                raise SyncError(f"{part}: {result.stderr.strip()}", hint="invoke remote-check")
        if copies:
            files = sum(copy.manifest.files for copy in copies)
            self.say(f"sent the files that the containers mount: {files}, {size(weight)}")

    def _clear(self, *condition: str, patience: float = PATIENCE) -> None:
        """Remove the entries of the system's folder that meet a condition of ``find``, as far as their owner may."""
        found = ("find", self.folder, "-mindepth", "1", "-maxdepth", "1", *condition)
        removal = Command((*found, "-exec", "rm", "-rf", "--", "{}", "+"), label="remove older copies")
        result = self.host.connection.run(removal, timeout=_SECONDS, patience=patience)
        if not result.ok:
            self.say(f"{self.host.name}: {result.stderr.strip()}")


@contextmanager
def _held(connection: Connection, command: Command, complete: set[str]) -> Iterator[None]:
    """Run ``hold.sh`` until the context ends. Add the names of the complete copies on the build host to ``complete``.

    Raises LostError, and SyncError when the folder cannot be made.
    """
    with connection.stream(command) as stream:
        said = read_line(stream)
        word, *names = said.split() or [""]
        if word != _HELD and connection.is_lost():
            raise LostError(f"ssh {connection.config}: connection lost", hint="invoke remote-check")
        if word != _HELD:
            raise SyncError(f"ssh {connection.config}: {said or 'no answer'}", hint="invoke remote-check")
        complete.update(names)
        yield
        stream.shutdown(socket.SHUT_WR)
