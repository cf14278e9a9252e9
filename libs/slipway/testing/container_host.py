"""Reach the containers under test on the machine whose engine runs them: this one, or a build host.

pytest is a process of its own, so it has no ``Host`` with its connection. It is given a ``ContainerAccess``.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Protocol

from slipway.smoke import containers
from slipway.testing import secretfiles


class ContainerHost(Protocol):
    """The machine whose engine runs the containers under test."""

    def port(self, published: int) -> int:
        """Return the port on 127.0.0.1 of this machine that leads to a port published by the engine's machine."""

    def secrets(
        self, values: Mapping[str, str], spec: containers.Spec, client: containers.Client, opened: ExitStack
    ) -> str:
        """Keep each of ``values`` as a file until ``opened`` ends; return their folder or volume, for ``spec``."""


class LocalContainerHost:
    """This machine. Secrets are files in memory."""

    def port(self, published: int) -> int:
        return published

    def secrets(
        self, values: Mapping[str, str], spec: containers.Spec, client: containers.Client, opened: ExitStack
    ) -> str:
        folder = secretfiles.folder()
        opened.callback(secretfiles.remove, folder)
        return secretfiles.write(folder, values)


class RemoteContainerHost:
    """Another machine. ``ports``: a socket that joins a client to the port which the client names.

    Secrets are in a volume: its engine cannot mount a folder of this machine.
    """

    def __init__(self, ports: str) -> None:
        self._ports = ports
        self._near: dict[int, int] = {}

    def port(self, published: int) -> int:
        if published not in self._near:
            self._near[published] = _listen(self._ports, published)
        return self._near[published]

    def secrets(
        self, values: Mapping[str, str], spec: containers.Spec, client: containers.Client, opened: ExitStack
    ) -> str:
        secretfiles.check_names(values)
        name = f"{spec.name}-secrets"
        opened.callback(containers.remove_volume, client, name)
        containers.fill_volume(client, name, spec, _packed(values))
        return name


def _listen(ports: str, published: int) -> int:
    from slipway.hosts.ssh.local_forwarding import listen

    return listen(ports, published)


def _packed(values: Mapping[str, str]) -> bytes:
    """Return a tar archive with a file for each value, which any user of the container may read."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, value in values.items():
            content = value.encode("utf-8")
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o444
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
