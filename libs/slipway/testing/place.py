"""Where the engine is whose containers are tested: on this machine, or on a build host, reached through the run's
connection. What differs is how a port is reached, and how a secret gets into a container.
"""

from __future__ import annotations

import io
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import Protocol

from slipway.smoke import containers
from slipway.testing import secretfiles

LOOPBACK = "127.0.0.1"
_REACHED_SECONDS = 30.0


class Place(Protocol):
    """``port``: the one on 127.0.0.1 here that leads to ``there``, a port that the engine's machine published.

    ``secrets``: a folder or volume, as ``containers.Spec`` has it, that holds each of ``values`` as a file until
    ``opened`` ends; ``spec`` is the container that gets it.
    """

    def port(self, there: int) -> int: ...

    def secrets(
        self, values: Mapping[str, str], spec: containers.Spec, client: containers.Client, opened: ExitStack
    ) -> str: ...


class Here:
    """The engine's machine is this one; secrets are files in memory."""

    def port(self, there: int) -> int:
        return there

    def secrets(
        self, values: Mapping[str, str], spec: containers.Spec, client: containers.Client, opened: ExitStack
    ) -> str:
        folder = secretfiles.folder()
        opened.callback(secretfiles.remove, folder)
        return secretfiles.write(folder, values)


class There:
    """Another machine: ``ports`` is a socket here where whoever names a port is joined to it.

    Secrets are in a volume, for no folder of this machine can be mounted there.
    """

    def __init__(self, ports: str) -> None:
        self._ports = ports
        self._near: dict[int, int] = {}

    def port(self, there: int) -> int:
        if there not in self._near:
            self._near[there] = self._listen(there)
        return self._near[there]

    def secrets(
        self, values: Mapping[str, str], spec: containers.Spec, client: containers.Client, opened: ExitStack
    ) -> str:
        secretfiles.check_names(values)
        name = f"{spec.name}-secrets"
        opened.callback(containers.remove_volume, client, name)
        containers.fill_volume(client, name, spec, _packed(values))
        return name

    def _listen(self, there: int) -> int:
        """It listens as long as this process lives: as long as the container may be asked."""
        from slipway.hosts.ssh.tunnel import serve

        listener = socket.create_server((LOOPBACK, 0))
        threading.Thread(target=serve, args=(listener, self._joined(there)), daemon=True).start()
        return int(listener.getsockname()[1])

    def _joined(self, there: int) -> Callable[[socket.socket], AbstractContextManager[socket.socket]]:
        @contextmanager
        def joined(client: socket.socket) -> Iterator[socket.socket]:
            with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as way:
                way.settimeout(_REACHED_SECONDS)
                way.connect(self._ports)
                way.sendall(b"%d\0" % there)
                way.settimeout(None)
                yield way

        return joined


def _packed(values: Mapping[str, str]) -> bytes:
    """A tar of a file each, which any user of the container may read."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, value in values.items():
            content = value.encode("utf-8")
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o444
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
