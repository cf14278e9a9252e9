"""Work on a build host with its engine, jobs that outlive this process, and a copy of the files that images read."""

from __future__ import annotations

import getpass
import platform
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import cached_property

from slipway.core.addresses import endpoint, host_and_port, is_loopback
from slipway.core.command import Command
from slipway.core.errors import SlipwayError
from slipway.core.threads import start_in_thread
from slipway.engine import Engine
from slipway.hosts.emulation import not_runnable
from slipway.hosts.host import Builder, ContainerAccess, MountSource, Transfer
from slipway.hosts.listening import TABLES, listening
from slipway.hosts.local import LocalHost
from slipway.hosts.remote.connected import ConnectedHost, PendingConnection, reach
from slipway.hosts.remote.job_builder import job_builder, transfer
from slipway.hosts.remote.locks import held
from slipway.hosts.remote.mount_copy import MountCopy
from slipway.hosts.remote.mounts import RemoteMounts
from slipway.hosts.remote.root_images import send_root_images
from slipway.hosts.requirements import first_version
from slipway.plan.decide import Action, Plan
from slipway.plan.facts import Snapshot
from slipway.registry import Registry
from slipway.stack.mounts import Given


class RemoteHost:
    """Work on the build host of ``pending``. slipway connects when it first needs the host, until ``close``.

    ``local``: this machine. It has the repository, the logins, and the root images that no registry has.
    """

    flag = " --remote"

    def __init__(self, local: LocalHost, pending: PendingConnection) -> None:
        self._local = local
        self._pending = pending
        self._opened = ExitStack()
        self._lists = False
        self._builders = 0

    def close(self) -> None:
        self._opened.close()

    @cached_property
    def connected(self) -> ConnectedHost:
        """Return the connected host, also if prerequisites are missing on it.

        Raises the errors of connecting.
        """
        local = self._local
        rsync = first_version(local.run(Command(("rsync", "--version"), label="rsync --version")).stdout)
        folder = local.settings["REMOTE_PATH"]
        return reach(self._pending, folder, rsync, local.logins, self._opened, local.say, lists=self._lists)

    @property
    def ready(self) -> ConnectedHost:
        """Return the connected host. Raises PrerequisiteError if it does not have all prerequisites."""
        self.connected.refuse_missing()
        return self.connected

    @property
    def project(self) -> str:
        """Return the folder on the build host that holds all runs of this repository."""
        return self.connected.project(self._local.settings.registry, self._local.settings.owner)

    @property
    def engine(self) -> Engine:
        return self.connected.engine

    @cached_property
    def platform(self) -> str:
        _ = self._registry_ahead  # while the engine answers
        with self._diagnosed():
            return self.connected.facts.platform if self.connected.facts.engine else self.engine.platform()

    @property
    def buildx_version(self) -> str:
        return self.ready.facts.buildx

    def not_runnable(self, platforms: Sequence[str], builder: str = "") -> tuple[str, ...]:
        host = self.ready
        return not_runnable(
            platforms, self.platform, builder or host.facts.context, host.facts.words, host.connection.run
        )

    @cached_property
    def registry(self) -> Registry:
        return self._registry_ahead.result()

    @cached_property
    def _registry_ahead(self) -> Future[Registry]:
        """Begin to connect to the registry: its library is imported, and a first request opens the way."""

        def begin() -> Registry:
            registry = self.registry_at(self._local.settings.registry)
            start_in_thread(registry.answers)
            return registry

        _ = self.connected  # in this thread
        return start_in_thread(begin)

    def registry_at(self, host: str) -> Registry:
        """Return the registry, reached from this machine if possible, and from the build host if not.

        The registry may be in a network that only the build host can reach. A loopback address is always the build
        host's own.
        """
        direct = self._local.registry_at(host)
        if not is_loopback(direct.host) and direct.answers():
            return direct
        name, port = host_and_port(endpoint(direct.host), plain=direct.plain)
        return self._local.registry_at(host, self.connected.way_to(name, port, self._opened))

    def connect_ahead(self) -> None:
        self._pending.start()

    def list_ahead(self) -> None:
        """Have the engine list its images as soon as the connection is there."""
        self._lists = True

    def bake_ahead(self) -> None:
        """Do nothing: a job gets all its files when it starts."""

    @contextmanager
    def verified(self) -> Iterator[None]:
        with self._diagnosed():
            yield
        self.connected.refuse_missing()

    @contextmanager
    def _diagnosed(self) -> Iterator[None]:
        """Raise the error of a missing prerequisite or lost connection instead of the error that it caused."""
        connected = self.connected  # outside the try: an error of connecting needs no diagnosis
        try:
            yield
        except SlipwayError:
            connected.refuse_missing()
            connected.connection.check()
            raise

    def transfer(self, snapshot: Snapshot, plan: Plan) -> Transfer:
        return transfer(snapshot, plan)

    def seed_root_images(self, snapshot: Snapshot, plan: Plan) -> bool:
        return send_root_images(snapshot, plan, self._local.engine, self.engine, self._local.say)

    @contextmanager
    def builder(self, snapshot: Snapshot, plan: Plan, run: str, mounted: Given) -> Iterator[Builder]:
        local = self._local
        if plan.of(Action.BUILD):
            before, self._builders = self._builders, self._builders + 1
            with job_builder(snapshot, plan, self.ready, run, local.run, mounted, local.say, before=before) as builder:
                yield builder
        else:  # a plan without builds sends no file and runs no command
            with local.builder(snapshot, plan, run, mounted) as idle:
                yield idle

    @contextmanager
    def release_lock(self, name: str, *, break_expired: bool = False) -> Iterator[None]:
        """Hold a lock in the repository, then a lock on the build host.

        slipway renews the lease of the second while it holds the lock.
        """
        with self._local.release_lock(name):
            host, holder = self.ready, f"{getpass.getuser()}@{platform.node()}"
            lock = f"{host.facts.folder}/locks/{name}"
            with held(host.connection, lock, holder, self._local.say, broken=break_expired):
                yield

    def mounts(self, system: str, sources: Sequence[MountSource]) -> RemoteMounts:
        local = self._local
        copies = {source: MountCopy.of(source) for source in sources}
        return RemoteMounts(self.ready, self.project, system, copies, local.run, local.say)

    def listening_ports(self) -> frozenset[int]:
        command = Command(("cat", *TABLES), label="read the listening ports")
        return listening(self.ready.connection.run(command).stdout)

    def container_access(self) -> ContainerAccess:
        ports = self.ready.ports(self._opened, self._local.say)
        return ContainerAccess(self.engine.address, ports)
